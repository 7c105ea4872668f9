"""Benchmarks of openmm_thermalnet against what people would run instead."""
