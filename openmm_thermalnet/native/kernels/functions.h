#ifndef THERMALNET_FUNCTIONS_H_
#define THERMALNET_FUNCTIONS_H_

#include "vector.h"

namespace ThermalNet {
namespace THERMALNET_ISA {

namespace detail {

// e^r - 1 = r + r^2 (1/2! + r/3! + ...), for |r| <= ln(2) / 2.
inline Vector<double> expm1(Vector<double> r) {
    constexpr double factors[] = {1.0 / 479001600.0, 1.0 / 39916800.0, 1.0 / 3628800.0,
                                  1.0 / 362880.0,    1.0 / 40320.0,    1.0 / 5040.0,
                                  1.0 / 720.0,       1.0 / 120.0,      1.0 / 24.0,
                                  1.0 / 6.0,         1.0 / 2.0};
    Vector<double> p = Vector<double>{} + 1.0 / 6227020800.0;
#pragma GCC unroll 16
    for (double factor : factors) p = p * r + factor;
    return p * (r * r) + r;
}

}  // namespace detail

/**
 * tanh x to a few units of the last place, NaN for NaN.
 *
 * In double precision, with m = e^(-2|x|) - 1, it is -m / (2 + m), which loses no digits of small
 * x.
 */
inline Vector<double> tanh(Vector<double> x) {
    using V = Vector<double>;
    using I = Lanes<double>::Integers;
    constexpr double saturated = 20;              // tanh is 1 there
    constexpr double magic = 6755399441055744.0;  // 1.5 * 2^52: adding it rounds to an integer
    // ln 2 in two parts, of which the first times a small integer is exact
    constexpr double ln2High = 0.693147180369123816490, ln2Low = 1.90821492927058770002e-10;
    const V absolute = x < 0 ? -x : x;
    const V y = -2.0 * (absolute > saturated ? V{} + saturated : absolute);
    const V shifted = y * 1.4426950408889634 + magic;
    const V k = shifted - magic;
    const V r = (y - k * ln2High) - k * ln2Low;
    const I power = (bits<I>(shifted) - bits<I>(V{} + magic)) << 52;
    const V scale = bits<V>(power + bits<I>(V{} + 1.0));
    const V m = scale * detail::expm1(r) + (scale - 1.0);
    const V t = -m / (m + 2.0);
    return x < 0 ? -t : t;
}

/**
 * In single precision tanh x = x P(x^2) / Q(x^2) on [-8, 8], beyond which it is 1: a minimax fit
 * of relative error 3.3e-10, by iteratively reweighted least squares.
 */
inline Vector<float> tanh(Vector<float> x) {
    using V = Vector<float>;
    constexpr float bound = 8;
    x = x > bound ? V{} + bound : x;
    x = x < -bound ? V{} - bound : x;
    const V y = x * x;
    V p = -1.4546501266452628e-11f * y + 3.3570380526148965e-08f;
    p = p * y + 2.920435372435509e-05f;
    p = p * y + 0.003926599945373116f;
    p = p * y + 0.1372618197286998f;
    p = p * y + 0.9999999996718846f;
    V q = 1.3723177779388913e-06f * y + 0.0004042077823704895f;
    q = q * y + 0.027458322612136085f;
    q = q * y + 0.47059514958067106f;
    q = q * y + 1.0f;
    return x * p / q;
}

}  // namespace THERMALNET_ISA
}  // namespace ThermalNet

#endif
