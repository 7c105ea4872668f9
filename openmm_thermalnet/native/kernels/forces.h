#ifndef THERMALNET_FORCES_H_
#define THERMALNET_FORCES_H_

// Derivatives by variables become forces on coordinates, x, y and z in turns.

#include "fold.h"
#include "tasks.h"

namespace ThermalNet {
namespace THERMALNET_ISA {

/** A factor for each of x, y and z, as they alternate in three vectors on end. */
template <class Real>
struct Alternating {
    Vector<Real> part[3];

    explicit Alternating(const double* factors) {
        for (int v = 0; v < 3; v++)
            for (int i = 0; i < Lanes<Real>::count; i++)
                part[v][i] = static_cast<Real>(factors[(v * Lanes<Real>::count + i) % 3]);
    }
};

template <class Real>
inline void subtract(double* forces, Vector<Real> v) {
    Wide<Real> from = Wide<Real>::load(forces);
    const Wide<Real> wide = widen<Real>(v);
    for (int p = 0; p < Wide<Real>::parts; p++) from.part[p] -= wide.part[p];
    from.store(forces);
}

/** forces -= one bySpin + other byField, for coordinates first ... last - 1 of a multiple of 3. */
template <class Real>
void spin_forces(const Block<Real>& block, const double* one, const double* other, long first,
                 long last, double* forces) {
    constexpr int n = Lanes<Real>::count;
    const Alternating<Real> a(one), b(other);
    long k = first;
    for (; k + 3 * n <= last; k += 3 * n)
#pragma GCC unroll 3
        for (int v = 0; v < 3; v++) {
            const long at = k + v * n;
            const Vector<Real> sum = a.part[v] * load<Vector<Real>>(block.bySpin + at) +
                                     b.part[v] * load<Vector<Real>>(block.byField + at);
            subtract<Real>(forces + at, sum);
        }
    for (; k < last; k++) {
        const int c = static_cast<int>(k % 3);
        forces[k] -= static_cast<Real>(one[c]) * block.bySpin[k] +
                     static_cast<Real>(other[c]) * block.byField[k];
    }
}

/** Call part(k, count) for first ... last - 1 in vectors, of which the last may be shorter. */
template <class Real, class Part>
inline void for_vectors(long first, long last, Part part) {
    constexpr int n = Lanes<Real>::count;
    for (long k = first; k < last; k += n) part(k, last - k < n ? static_cast<int>(last - k) : n);
}

/** Call part(v, q) for three vectors of coordinates on end; lanes beyond `count` of each are 0. */
template <class Real, class Part>
inline void for_coordinates(const double* q, int count, Part part) {
    constexpr int n = Lanes<Real>::count;
    double lanes[3 * n];
    if (count < n) {
        for (int i = 0; i < 3 * n; i++) lanes[i] = i < 3 * count ? q[i] : 0.0;
        q = lanes;
    }
#pragma GCC unroll 3
    for (int v = 0; v < 3; v++) part(v, q + v * n);
}

/** Variables of the weights and biases first ... last - 1, in planes; coordinates of the first. */
template <class Real>
void weight_variables(const Block<Real>& block, const double* coordinates, bool walls, long first,
                      long last) {
    for_vectors<Real>(first, last, [&](long k, int count) {
        Vector<Real> variables[3];
        for_coordinates<Real>(coordinates + 3 * k, count, [&](int v, const double* q) {
            variables[v] = walls ? variable<Real, true>(q) : variable<Real, false>(q);
        });
        separate<Real>(variables);
        for (int c = 0; c < 3; c++)
            store_part<Real>(block.weights + c * block.plane + k, variables[c], count);
    });
}

/**
 * forces -= slope (factor derivative + decay variable) for weights and biases of one layer.
 *
 * Derivatives are summed over chunks, in their order. Coordinates and forces are those of the first
 * weight, factors those of the three replicas.
 */
template <class Real>
void weight_forces(const Block<Real>& block, const double* coordinates, bool walls,
                   const Gradients<Real>& gradients, const double* factors, double decay,
                   long first, long last, double* forces) {
    constexpr int n = Lanes<Real>::count;
    for_vectors<Real>(first, last, [&](long k, int count) {
        Vector<Real> derivatives[3];
        for (int c = 0; c < 3; c++) {
            const long at = c * gradients.plane + k - gradients.begin;
            Vector<Real> sum = load_part<Real>(gradients.chunks[0] + at, count);
            for (int chunk = 1; chunk < gradients.count; chunk++)
                sum += load_part<Real>(gradients.chunks[chunk] + at, count);
            derivatives[c] = static_cast<Real>(factors[c]) * sum +
                             static_cast<Real>(decay) *
                                 load_part<Real>(block.weights + c * block.plane + k, count);
        }
        alternate<Real>(derivatives);
        for_coordinates<Real>(coordinates + 3 * k, count, [&](int v, const double* q) {
            if (walls) derivatives[v] *= slope<Real, true>(q);
        });
        double* const to = forces + 3 * k;
        if (count == n)
            for (int v = 0; v < 3; v++) subtract<Real>(to + v * n, derivatives[v]);
        else
            for (int i = 0; i < 3 * count; i++) to[i] -= derivatives[i / n][i % n];
    });
}

/** Sums of the squares of weights and biases of each of the three replicas. */
template <class Real>
void weight_squares(const Block<Real>& block, double* squares) {
    for (int c = 0; c < 3; c++) {
        Wide<Real> sum{};
        for_vectors<Real>(0, block.plane, [&](long k, int count) {
            const Wide<Real> w =
                widen<Real>(load_part<Real>(block.weights + c * block.plane + k, count));
            for (int p = 0; p < Wide<Real>::parts; p++) sum.part[p] += w.part[p] * w.part[p];
        });
        squares[c] = 0;
        for (const Vector<double>& part : sum.part)
            for (int i = 0; i < Lanes<double>::count; i++) squares[c] += part[i];
    }
}

}  // namespace THERMALNET_ISA
}  // namespace ThermalNet

#endif
