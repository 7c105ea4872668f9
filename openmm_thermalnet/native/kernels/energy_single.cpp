// The energies in single precision, compiled for one instruction set.

#include "energy.h"

namespace ThermalNet {
namespace THERMALNET_ISA {

void energy_single(Kernels& kernels) { kernels.inSingle = energy_kernels<float>(); }

}  // namespace THERMALNET_ISA
}  // namespace ThermalNet
