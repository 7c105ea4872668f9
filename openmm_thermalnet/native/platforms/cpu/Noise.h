#ifndef THERMALNET_CPU_NOISE_H_
#define THERMALNET_CPU_NOISE_H_

#include <cstdint>

#include "openmm/internal/ContextImpl.h"

namespace ThermalNet {

/**
 * The noise of a Context: a function of a key, of a counter of draws, and of the coordinate.
 *
 * The counter is a parameter of the Context, and so is a number drawn from the first state that is
 * integrated; the key is made of that and of the integrator's seed. Checkpoints and States hold
 * both, so that a run goes on with the noise it would have had. Nothing else sets the counter back:
 * a Context that begins again has another first state, or is the same trajectory to the last bit.
 */
class Noise {
public:
    /** @param seed  the integrator's; 0 draws one */
    explicit Noise(int seed);
    /** The key and the counter of the next draw. */
    void next(OpenMM::ContextImpl& context, uint64_t& key, uint64_t& counter);

private:
    uint64_t seed;
};

}  // namespace ThermalNet

#endif
