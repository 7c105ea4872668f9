#ifndef THERMALNET_HASH_H_
#define THERMALNET_HASH_H_

#include <cstdint>
#include <cstring>

namespace ThermalNet {

/** Mixes 64 bits well (the finalizer of splitmix64). */
inline uint64_t mixed(uint64_t x) {
    x += 0x9E3779B97F4A7C15u;
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
    return x ^ (x >> 31);
}

/** A hash of the bits of numbers. */
inline uint64_t hashed(const double* numbers, size_t count, uint64_t start = 0) {
    // Four chains, so that one does not wait for another.
    uint64_t chain[4] = {start + 1, start + 2, start + 3, start + 4};
    for (size_t i = 0; i < count; i++) {
        uint64_t bits;
        std::memcpy(&bits, numbers + i, sizeof(bits));
        uint64_t& h = chain[i % 4];
        h = (h ^ bits) * 0x9E3779B97F4A7C15u;
        h ^= h >> 32;
    }
    return mixed(chain[0] ^ mixed(chain[1] ^ mixed(chain[2] ^ mixed(chain[3] ^ count))));
}

}  // namespace ThermalNet

#endif
