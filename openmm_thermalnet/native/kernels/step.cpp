// The steps of thermostats, compiled for one instruction set.

#include "step.h"

#include "table.h"

namespace ThermalNet {
namespace THERMALNET_ISA {

void steps(Kernels& kernels) {
    kernels.langevinStep = langevin_step;
    kernels.brownianStep = brownian_step;
}

}  // namespace THERMALNET_ISA
}  // namespace ThermalNet
