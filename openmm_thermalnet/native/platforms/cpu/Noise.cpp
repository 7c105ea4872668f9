#include "Noise.h"

#include <cmath>
#include <random>

#include "Hash.h"
#include "Host.h"
#include "Parameters.h"

using namespace OpenMM;

namespace ThermalNet {

namespace {
constexpr double kExact = 9007199254740992.0;  // 2^53: parameters are double
}

Noise::Noise(int given) : seed(static_cast<uint32_t>(given)) {
    if (given == 0) {
        std::random_device device;
        seed = static_cast<uint64_t>(device()) << 32 | device() | uint64_t(1) << 63;
    }
}

void Noise::next(ContextImpl& context, uint64_t& key, uint64_t& counter) {
    double drawn = context.getParameter(kNoiseKey);
    if (!(drawn >= 1 && drawn < kExact)) {
        auto& host = hostData(context);
        uint64_t state = hashed(numbers(*host.positions), 3 * host.positions->size(), seed);
        state = hashed(numbers(*host.velocities), 3 * host.velocities->size(), state);
        drawn = static_cast<double>(mixed(state) >> 12) + 1;  // 1 to 2^52
        context.setParameter(kNoiseKey, drawn);
    }
    const double count = context.getParameter(kNoiseCounter);
    key = mixed(mixed(seed) ^ static_cast<uint64_t>(drawn));
    counter = count >= 0 && count < kExact ? static_cast<uint64_t>(count) : 0;
    context.setParameter(kNoiseCounter, static_cast<double>(counter) + 1);
}

}  // namespace ThermalNet
