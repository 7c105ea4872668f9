#ifndef THERMALNET_NOISE_H_
#define THERMALNET_NOISE_H_

// Normal random numbers as a function of (key, counter, place): there is no generator with a state.
// Plain loops over arrays, which compilers turn into vector instructions. Compiled without
// contraction, so that every instruction set gives the same bits.

#include <cmath>
#include <cstdint>
#include <cstring>

#include "isa.h"

namespace ThermalNet {
namespace THERMALNET_ISA {

/** Random bits for places first, first + 1, ...: Philox4x32-7 (Salmon et al., SC 2011). */
template <int count>
inline void philox(uint64_t key, uint64_t counter, uint64_t first, uint32_t (&words)[4][count]) {
    const uint32_t low = static_cast<uint32_t>(first), high = static_cast<uint32_t>(first >> 32);
    for (int i = 0; i < count; i++) {
        uint32_t c0 = low + static_cast<uint32_t>(i), c1 = high;
        uint32_t c2 = static_cast<uint32_t>(counter), c3 = static_cast<uint32_t>(counter >> 32);
        uint32_t k0 = static_cast<uint32_t>(key), k1 = static_cast<uint32_t>(key >> 32);
#pragma GCC unroll 7
        for (int round = 0; round < 7; round++) {
            const uint64_t p0 = static_cast<uint64_t>(0xD2511F53u) * c0;
            const uint64_t p1 = static_cast<uint64_t>(0xCD9E8D57u) * c2;
            c0 = static_cast<uint32_t>(p1 >> 32) ^ c1 ^ k0;
            c1 = static_cast<uint32_t>(p1);
            c2 = static_cast<uint32_t>(p0 >> 32) ^ c3 ^ k1;
            c3 = static_cast<uint32_t>(p0);
            k0 += 0x9E3779B9u;
            k1 += 0xBB67AE85u;
        }
        words[0][i] = c0;
        words[1][i] = c1;
        words[2][i] = c2;
        words[3][i] = c3;
    }
}

namespace detail {

/** A number in (0, 1] of 31 random bits, the smaller the finer: normal numbers reach 6.6. */
inline float uniform(uint32_t word) {
    return (static_cast<float>(static_cast<int32_t>(word >> 1)) + 0.5f) * 4.656612873077393e-10f;
}

/** ln x of a positive normal number. */
inline float logarithm(float x) {
    uint32_t word;
    std::memcpy(&word, &x, sizeof(word));
    // The mantissa goes to [sqrt(1/2), sqrt(2)): 0x3f3504f3 are the bits of sqrt(1/2).
    const uint32_t above = word - 0x3f3504f3u;
    const int32_t exponent = static_cast<int32_t>(above) >> 23;
    const uint32_t bits = word - (static_cast<uint32_t>(exponent) << 23);
    float m;
    std::memcpy(&m, &bits, sizeof(m));
    const float s = (m - 1.0f) / (m + 1.0f), q = s * s;
    const float p =
        2.0f * s * (1.0f + q * (0.33333333f + q * (0.2f + q * (0.142857143f + q * 0.11111111f))));
    return p + 0.69314718f * static_cast<float>(exponent);
}

/** Sine and cosine of 2 pi u, for u in [0, 1]. */
inline void turn(float u, float* sine, float* cosine) {
    const float q = u * 4.0f;
    const int32_t k = static_cast<int32_t>(q + 0.5f);
    const float f = (q - static_cast<float>(k)) * 1.57079633f, g = f * f;
    const float s = f * (1.0f + g * (-1.6666667e-1f +
                                     g * (8.3333310e-3f + g * (-1.98412e-4f + g * 2.7525562e-6f))));
    const float c =
        1.0f + g * (-0.5f + g * (4.1666668e-2f + g * (-1.38888890e-3f + g * 2.4801587e-5f)));
    const float a = k & 1 ? c : s, b = k & 1 ? s : c;
    *sine = k & 2 ? -a : a;
    *cosine = (k + 1) & 2 ? -b : b;
}

}  // namespace detail

/**
 * 4 * quarter normal numbers, those of places 4 * quarter * block and on: Box and Muller's.
 *
 * They depend on the key, the counter and the place alone.
 */
template <int quarter>
inline void normal_numbers(uint64_t key, uint64_t counter, uint64_t block,
                           float (&numbers)[4 * quarter]) {
    uint32_t words[4][quarter];
    philox(key, counter, block * quarter, words);
    for (int i = 0; i < quarter; i++) {
        const float one = std::sqrt(-2.0f * detail::logarithm(detail::uniform(words[0][i])));
        const float two = std::sqrt(-2.0f * detail::logarithm(detail::uniform(words[2][i])));
        float s, c, sine, cosine;
        detail::turn(detail::uniform(words[1][i]), &s, &c);
        detail::turn(detail::uniform(words[3][i]), &sine, &cosine);
        numbers[i] = one * c;
        numbers[quarter + i] = one * s;
        numbers[2 * quarter + i] = two * cosine;
        numbers[3 * quarter + i] = two * sine;
    }
}

}  // namespace THERMALNET_ISA
}  // namespace ThermalNet

#endif
