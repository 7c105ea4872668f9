"""Many runs as one: a table of points, a Dask cluster that runs them, a directory of results."""
