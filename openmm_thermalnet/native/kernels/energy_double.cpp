// The energies in double precision, compiled for one instruction set.

#include "energy.h"

namespace ThermalNet {
namespace THERMALNET_ISA {

void energy_double(Kernels& kernels) { kernels.inDouble = energy_kernels<double>(); }

}  // namespace THERMALNET_ISA
}  // namespace ThermalNet
