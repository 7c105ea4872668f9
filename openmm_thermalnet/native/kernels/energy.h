#ifndef THERMALNET_ENERGY_H_
#define THERMALNET_ENERGY_H_

// The table of the energies in one precision.

#include "feedforward.h"
#include "forces.h"
#include "layered.h"
#include "table.h"

namespace ThermalNet {
namespace THERMALNET_ISA {

constexpr int kFirstLoss = 3;  // energies from here on are losses

template <class Real>
long panel_numbers(const Network& network, int length) {
    return network.energy < kFirstLoss ? layered_panel_numbers<Real>(network, length)
                                       : feedforward_panel_numbers<Real>(network, length);
}

template <class Real>
void any_chunk(const Network& network, const Patterns<Real>& patterns, const Block<Real>& block,
               const Chunk<Real>& chunk) {
    if (network.energy < kFirstLoss)
        layered_chunk<Real>(network, patterns, block, chunk);
    else
        feedforward_chunk<Real>(network, patterns, block, chunk);
}

template <class Real>
EnergyKernels<Real> energy_kernels() {
    return {Lanes<Real>::count, panel_numbers<Real>, weight_variables<Real>,
            list_columns<Real>, any_chunk<Real>,     list_gradient<Real>,
            spin_forces<Real>,  weight_forces<Real>, weight_squares<Real>};
}

}  // namespace THERMALNET_ISA
}  // namespace ThermalNet

#endif
