#ifndef THERMALNET_FOLD_H_
#define THERMALNET_FOLD_H_

#include "vector.h"

namespace ThermalNet {
namespace THERMALNET_ISA {

/** Coordinates relative to the nearest even number 2k, and where k is odd. */
struct NearestImage {
    Vector<double> distance;
    Lanes<double>::Integers odd;  // all bits where k is odd

    explicit NearestImage(Vector<double> q) {
        // Adding this number rounds to the nearest integer, whose lowest bit is then the sum's.
        constexpr double magic = 6755399441055744.0;  // 1.5 * 2^52
        constexpr double limit = 2251799813685248.0;  // 2^51
        const Vector<double> half = 0.5 * q, shifted = half + magic;
        // Beyond the limit a coordinate has lost its digits; so have infinities and NaN.
        const Vector<double> absolute = half < 0 ? -half : half;
        const Vector<double> known = absolute < limit ? q : Vector<double>{} + __builtin_nan("");
        distance = known - 2.0 * (shifted - magic);
        odd = -(bits<Lanes<double>::Integers>(shifted) & 1);
    }
};

/** Variables in [-1, 1] of coordinates: the triangle wave of period 4. */
inline Vector<double> fold(Vector<double> q) {
    const NearestImage image(q);
    return image.odd ? -image.distance : image.distance;
}

/** The derivative of the fold, +1 or -1. */
inline Vector<double> fold_slope(Vector<double> q) {
    return NearestImage(q).odd ? Vector<double>{} - 1.0 : Vector<double>{} + 1.0;
}

/** Variables of coordinates that walls fold, or that move on the whole line. */
template <class Real, bool walls>
inline Vector<Real> variable(const double* q) {
    Wide<Real> wide = Wide<Real>::load(q);
    if constexpr (walls)
        for (Vector<double>& part : wide.part) part = fold(part);
    return narrow<Real>(wide);
}

/** The derivatives of the variables. */
template <class Real, bool walls>
inline Vector<Real> slope(const double* q) {
    if constexpr (!walls) return broadcast<Real>(1);
    Wide<Real> wide = Wide<Real>::load(q);
    for (Vector<double>& part : wide.part) part = fold_slope(part);
    return narrow<Real>(wide);
}

/** variable() or slope() of fewer numbers than a vector has; the other lanes are those of 0. */
template <class Real>
inline void padded(const double* q, int count, double* to) {
    for (int i = 0; i < Lanes<Real>::count; i++) to[i] = i < count ? q[i] : 0.0;
}

}  // namespace THERMALNET_ISA
}  // namespace ThermalNet

#endif
