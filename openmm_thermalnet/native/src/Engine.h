#ifndef THERMALNET_ENGINE_H_
#define THERMALNET_ENGINE_H_

#include <memory>

#include "NetworkData.h"
#include "Threads.h"
#include "table.h"

namespace ThermalNet {

/** Factors of the energies of replicas, and of their weight decay. */
struct Couplings {
    std::vector<double> replicas;
    double decay = 1;
};

/**
 * Evaluates the energies and forces of a network's replicas.
 *
 * Results do not depend on the number of threads: what is summed over patterns is summed by
 * stretches, of which there are as many for any number.
 */
class Engine {
public:
    virtual ~Engine() = default;
    /**
     * @param positions  coordinates of all particles (nm)
     * @param forces     what the forces are added to (kJ/mol/nm); null if they are not wanted
     * @param terms      the terms of the energies, [replica][term] (kJ/mol)
     */
    virtual void evaluate(const double* positions, double* forces, const Couplings& couplings,
                          Threads& threads, std::vector<double>& terms) = 0;
    static std::unique_ptr<Engine> create(std::shared_ptr<const NetworkData> data,
                                          const Kernels& kernels);
};

}  // namespace ThermalNet

#endif
