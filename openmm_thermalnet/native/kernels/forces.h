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

/** Variables of the weights and biases first ... last - 1 (coordinates, from the first weight). */
template <class Real>
void weight_variables(const double* coordinates, bool walls, long first, long last, Real* weights) {
    constexpr int n = Lanes<Real>::count;
    long k = first;
    for (; k + n <= last; k += n)
        store(weights + k, walls ? variable<Real, true>(coordinates + k)
                                 : variable<Real, false>(coordinates + k));
    if (k < last) {
        double lanes[n];
        padded<Real>(coordinates + k, static_cast<int>(last - k), lanes);
        const Vector<Real> v = walls ? variable<Real, true>(lanes) : variable<Real, false>(lanes);
        for (int i = 0; k + i < last; i++) weights[k + i] = v[i];
    }
}

/**
 * forces -= slope (factor derivative + decay variable) for the weights of one layer.
 *
 * Derivatives are summed over chunks, in their order.
 *
 * @param begin        coordinates, from the first weight, before those of the derivatives
 * @param first, last  coordinates, from the first weight; multiples of 3
 */
template <class Real>
void weight_forces(const Block<Real>& block, const double* coordinates, bool walls,
                   const Real* const* gradients, int chunks, long begin, const double* factors,
                   const double* decay, long first, long last, double* forces) {
    constexpr int n = Lanes<Real>::count;
    const Alternating<Real> factor(factors), decays(decay);
    const auto derivative = [&](const Real* sum, const Real* variable, const double* q, int v) {
        const Vector<Real> d = factor.part[v] * load<Vector<Real>>(sum) +
                               decays.part[v] * load<Vector<Real>>(variable);
        return walls ? d * slope<Real, true>(q) : d;
    };
    const auto total = [&](long k) {
        Vector<Real> sum = load<Vector<Real>>(gradients[0] + k - begin);
        for (int chunk = 1; chunk < chunks; chunk++)
            sum += load<Vector<Real>>(gradients[chunk] + k - begin);
        return sum;
    };
    int v = 0;
    long k = first;
    for (; k + n <= last; k += n, v = v == 2 ? 0 : v + 1) {
        Real sum[n];
        store(sum, total(k));
        subtract<Real>(forces + k, derivative(sum, block.weights + k, coordinates + k, v));
    }
    if (k < last) {
        const int left = static_cast<int>(last - k);
        Real sum[n] = {}, variable[n] = {};
        double q[n];
        padded<Real>(coordinates + k, left, q);
        for (int i = 0; i < left; i++) {
            for (int chunk = 0; chunk < chunks; chunk++) sum[i] += gradients[chunk][k + i - begin];
            variable[i] = block.weights[k + i];
        }
        const Vector<Real> d = derivative(sum, variable, q, v);
        for (int i = 0; i < left; i++) forces[k + i] -= d[i];
    }
}

/** Sums of the squares of weights and biases of each of the three replicas. */
template <class Real>
void weight_squares(const Block<Real>& block, long count, double* squares) {
    constexpr int n = Lanes<Real>::count;
    constexpr int d = Lanes<double>::count;
    Wide<Real> sum[3] = {};
    long k = 0;
    for (; k + 3 * n <= count; k += 3 * n)
#pragma GCC unroll 3
        for (int v = 0; v < 3; v++) {
            const Wide<Real> w = widen<Real>(load<Vector<Real>>(block.weights + k + v * n));
            for (int p = 0; p < Wide<Real>::parts; p++) sum[v].part[p] += w.part[p] * w.part[p];
        }
    for (int c = 0; c < 3; c++) squares[c] = 0;
    for (int i = 0; i < 3 * n; i++) squares[i % 3] += sum[i / n].part[i % n / d][i % d];
    for (; k < count; k++) {
        const double w = block.weights[k];
        squares[k % 3] += w * w;
    }
}

}  // namespace THERMALNET_ISA
}  // namespace ThermalNet

#endif
