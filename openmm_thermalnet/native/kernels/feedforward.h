#ifndef THERMALNET_FEEDFORWARD_H_
#define THERMALNET_FEEDFORWARD_H_

// The loss of a feed-forward network: forwards and backwards through a tile of patterns.

#include "functions.h"
#include "products.h"
#include "tasks.h"

namespace ThermalNet {
namespace THERMALNET_ISA {

/** f(x) = x. */
struct IdentityFunction {
    template <class Real>
    static Vector<Real> value(Vector<Real> x) {
        return x;
    }
    template <class Real>
    static Vector<Real> chain(Vector<Real> derivative, Vector<Real>) {
        return derivative;
    }
};

/** f(x) = max(0, x), with f'(0) = 0. */
struct ReLUFunction {
    template <class Real>
    static Vector<Real> value(Vector<Real> x) {
        return x < 0 ? Vector<Real>{} : x;  // NaN stays
    }
    template <class Real>
    static Vector<Real> chain(Vector<Real> derivative, Vector<Real> value) {
        return value <= 0 ? Vector<Real>{} : derivative;
    }
};

struct TanhFunction {
    template <class Real>
    static Vector<Real> value(Vector<Real> x) {
        return tanh(x);
    }
    template <class Real>
    static Vector<Real> chain(Vector<Real> derivative, Vector<Real> value) {
        return derivative * (Real(1) - value * value);
    }
};

/** max(0, 1 - y f)^2, twice the loss. */
struct HingeLoss {
    template <class Real>
    static Vector<Real> twice(Vector<Real> f, Vector<Real> y, Vector<Real>& derivative) {
        const Vector<Real> margin = Real(1) - y * f;
        const Vector<Real> slack = margin < 0 ? Vector<Real>{} : margin;
        derivative = -y * slack;
        return slack * slack;
    }
};

/** (f - y)^2, twice the loss. */
struct SquaredLoss {
    template <class Real>
    static Vector<Real> twice(Vector<Real> f, Vector<Real> y, Vector<Real>& derivative) {
        derivative = f - y;
        return derivative * derivative;
    }
};

/** Numbers that Chunk::panels has for a feed-forward network. */
template <class Real>
inline long feedforward_panel_numbers(const Network& network, int length) {
    long rows = 0, widest = 0;
    for (int l = 1; l <= network.depth; l++) {
        rows += network.widths[l];
        if (network.widths[l] > widest) widest = network.widths[l];
    }
    return (rows + 2 * widest) * length;
}

template <class Real, class Function, class Loss>
void feedforward_tiles(const Network& network, const Patterns<Real>& patterns,
                       const Block<Real>& block, const Chunk<Real>& chunk) {
    constexpr int n = Lanes<Real>::count;
    const int length = patterns.length, depth = network.depth;
    long widest = 0;
    for (int l = 1; l <= depth; l++)
        if (network.widths[l] > widest) widest = network.widths[l];
    Real* const one = chunk.panels;
    Real* const two = one + widest * length;
    Real* const values = two + widest * length;  // of the hidden layers, then the outputs
    for (long k = 0; k < 3 * block.plane; k++) chunk.gradient[k] = 0;
    for (int c = 0; c < 3; c++) chunk.sums[c] = 0;
    for (int tile = chunk.firstTile; tile < chunk.lastTile; tile++) {
        const long left = network.patterns - static_cast<long>(tile) * length;
        const int count = left < length ? static_cast<int>(left) : length;
        const int used = (count + n - 1) / n * n;
        const Real* inputs = patterns.inputs + static_cast<long>(tile) * network.widths[0] * length;
        for (int c = 0; c < 3; c++) {
            const Real* const weights = block.weights + c * block.plane;
            Real* const byWeight = chunk.gradient + c * block.plane;
            const Real* below = inputs;
            Real* here = values;
            for (int l = 1; l <= depth; l++) {
                const long rows = network.widths[l], inner = network.widths[l - 1];
                const Real* bias = network.bias ? weights + network.biases[l] : nullptr;
                product<Real>({weights + network.weights[l], inner, 1}, rows, {below, length, used},
                              inner, {here, length, used},
                              [bias, last = l == depth](Vector<Real> sum, int i, int) {
                                  const Vector<Real> x = bias ? sum + bias[i] : sum;
                                  return last ? x : Function::template value<Real>(x);
                              });
                below = here;
                here += rows * length;
            }
            // `below` are the outputs; their derivatives go to the first panel.
            const Real* targets =
                patterns.targets + static_cast<long>(tile) * network.widths[depth] * length;
            Vector<Real> total = zero<Real>();
            for (int t = 0; t < used; t += n) {
                const auto valid = first_lanes<Real>(count - t);
                for (long k = 0; k < network.widths[depth]; k++) {
                    Vector<Real> derivative;
                    const Vector<Real> loss = Loss::template twice<Real>(
                        load<Vector<Real>>(below + k * length + t),
                        load<Vector<Real>>(targets + k * length + t), derivative);
                    total += valid ? loss : zero<Real>();
                    store(one + k * length + t, valid ? derivative : zero<Real>());
                }
            }
            double sum = 0;
            for (int i = 0; i < n; i++) sum += total[i];
            chunk.sums[c] += 0.5 * sum;
            Real* above = one;
            Real* passed = two;
            here = values;
            for (int l = 1; l < depth; l++) here += static_cast<long>(network.widths[l]) * length;
            for (int l = depth; l >= 1; l--) {
                const long rows = network.widths[l], inner = network.widths[l - 1];
                const Real* under = inputs;
                if (l > 1) {
                    here -= inner * length;
                    under = here;
                }
                gradient<Real>({above, length, used}, rows, {under, length, used}, inner,
                               byWeight + network.weights[l], inner);
                if (network.bias)
                    for (long i = 0; i < rows; i++) {
                        Vector<Real> byBias = zero<Real>();
                        for (int t = 0; t < used; t += n)
                            byBias += load<Vector<Real>>(above + i * length + t);
                        Real biasSum = 0;
                        for (int k = 0; k < n; k++) biasSum += byBias[k];
                        byWeight[network.biases[l] + i] += biasSum;
                    }
                if (l == 1) break;
                product<Real>({weights + network.weights[l], 1, inner}, inner,
                              {above, length, used}, rows, {passed, length, used},
                              [under, length](Vector<Real> sum, int i, int t) {
                                  return Function::template chain<Real>(
                                      sum, load<Vector<Real>>(under + i * length + t));
                              });
                Real* const last = above;
                above = passed;
                passed = last;
            }
        }
    }
}

template <class Real, class Function>
void feedforward_loss(const Network& network, const Patterns<Real>& patterns,
                      const Block<Real>& block, const Chunk<Real>& chunk) {
    if (network.energy == 3)
        feedforward_tiles<Real, Function, HingeLoss>(network, patterns, block, chunk);
    else
        feedforward_tiles<Real, Function, SquaredLoss>(network, patterns, block, chunk);
}

/** Sum of the loss over a stretch of tiles, and its derivatives. */
template <class Real>
void feedforward_chunk(const Network& network, const Patterns<Real>& patterns,
                       const Block<Real>& block, const Chunk<Real>& chunk) {
    if (network.activation == 0)
        feedforward_loss<Real, IdentityFunction>(network, patterns, block, chunk);
    else if (network.activation == 1)
        feedforward_loss<Real, ReLUFunction>(network, patterns, block, chunk);
    else
        feedforward_loss<Real, TanhFunction>(network, patterns, block, chunk);
}

}  // namespace THERMALNET_ISA
}  // namespace ThermalNet

#endif
