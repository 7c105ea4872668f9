#ifndef THERMALNET_ISA_H_
#define THERMALNET_ISA_H_

// The mathematics is compiled once for each instruction set, in a namespace of its own, so that the
// linker never puts one in place of another.
#ifndef THERMALNET_ISA
#define THERMALNET_ISA baseline
#endif

#endif
