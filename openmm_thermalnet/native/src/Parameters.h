#ifndef THERMALNET_PARAMETERS_H_
#define THERMALNET_PARAMETERS_H_

#include <string>

namespace ThermalNet {

// Global parameters of a Context with a NetworkForce.

inline const std::string kCoupling = "coupling";
inline const std::string kDecayCoupling = "decay_coupling";

inline std::string replicaCoupling(int replica) {
    return kCoupling + "_" + std::to_string(replica);
}

// The noise of a Context, so that checkpoints and States hold it; see platforms/cpu/Noise.h.
inline const std::string kNoiseKey = "noise_key";
inline const std::string kNoiseCounter = "noise_counter";

}  // namespace ThermalNet

#endif
