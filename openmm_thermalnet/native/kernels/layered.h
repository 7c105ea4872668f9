#ifndef THERMALNET_LAYERED_H_
#define THERMALNET_LAYERED_H_

// Energies that are sums over layers of spins and their local fields.

#include "first_layer.h"
#include "functions.h"
#include "panels.h"
#include "tasks.h"

namespace ThermalNet {
namespace THERMALNET_ISA {

/** E_l of the residual r = S - tanh(h): half its square, or its norm once a layer is complete. */
struct Residual {
    template <class Real>
    static Vector<Real> derivatives(Vector<Real> s, Vector<Real> h, Real gain, Vector<Real>& bySpin,
                                    Vector<Real>& byField) {
        const Vector<Real> t = tanh(h);
        const Vector<Real> r = s - t;
        bySpin = r;
        byField = gain * r * (t * t - Real(1));
        return r * r;
    }
};

/** E_l = sum of min(0, S h)^2. */
struct Softcore {
    template <class Real>
    static Vector<Real> derivatives(Vector<Real> s, Vector<Real> h, Real gain, Vector<Real>& bySpin,
                                    Vector<Real>& byField) {
        const Vector<Real> gap = s * h;
        const Vector<Real> overlap = gap > 0 ? Vector<Real>{} : gap;
        const Vector<Real> twice = Real(2) * overlap;
        bySpin = twice * h;
        byField = gain * twice * s;
        return overlap * overlap;
    }
};

/**
 * Squares of a layer's tile, with the derivatives by the spins and (in place of them) the fields.
 *
 * @param spins   the rows are `spinStride` rows apart for one replica, which is 0 if all share them
 */
template <class Real, class Energy>
inline void local_energy(int neurons, int count, Panel<const Real> spins, bool shared, Real gain,
                         Panel<Real> fields, Panel<Real> bySpin, double* sums) {
    constexpr int n = Lanes<Real>::count;
    for (int c = 0; c < 3; c++) {
        Vector<Real> total = zero<Real>();
        for (int t = 0; t < fields.length; t += n) {
            const auto valid = first_lanes<Real>(count - t);
            const bool whole = count - t >= n;
            for (int i = 0; i < neurons; i++) {
                Real* field = fields.data + (3 * i + c) * fields.row + t;
                const long row = shared ? i : 3 * i + c;
                const Vector<Real> s = load<Vector<Real>>(spins.data + row * spins.row + t);
                Vector<Real> one, other;
                Vector<Real> square = Energy::template derivatives<Real>(
                    s, load<Vector<Real>>(field), gain, one, other);
                if (!whole) {
                    square = valid ? square : zero<Real>();
                    other = valid ? other : zero<Real>();
                }
                total += square;
                store(bySpin.data + (3 * i + c) * bySpin.row + t, one);
                store(field, other);
            }
        }
        double sum = 0;
        for (int i = 0; i < n; i++) sum += total[i];
        sums[c] += sum;
    }
}

/** Numbers that Chunk::panels has for layered energies. */
template <class Real>
inline long layered_panel_numbers(const Network& network, int length) {
    long widest = 1;
    for (int l = 1; l <= network.depth; l++)
        if (network.widths[l] > widest) widest = network.widths[l];
    return 4 * 3 * widest * length;
}

template <class Real, class Energy, bool walls>
void layered_tiles(const Network& network, const Patterns<Real>& patterns, const Block<Real>& block,
                   const Chunk<Real>& chunk) {
    constexpr int n = Lanes<Real>::count;
    const int length = patterns.length, depth = network.depth;
    const long each = layered_panel_numbers<Real>(network, length) / 4;
    Real* below = chunk.panels;  // S_{l-1}
    Real* here = below + each;   // S_l
    Real* const fields = here + each;
    Real* const bySpin = fields + each;
    const long plane = block.plane - patterns.gradientBegin;
    for (long k = 0; k < 3 * plane; k++) chunk.gradient[k] = 0;
    for (int k = 0; k < 3 * depth; k++) chunk.sums[k] = 0;
    for (int tile = chunk.firstTile; tile < chunk.lastTile; tile++) {
        const long first = static_cast<long>(tile) * length;
        const long left = network.patterns - first;
        const int count = left < length ? static_cast<int>(left) : length;
        const int used = (count + n - 1) / n * n;
        for (int l = 1; l <= depth; l++) {
            const int neurons = network.widths[l], inputs = network.widths[l - 1];
            const Real gain = static_cast<Real>(network.gains[l - 1]);
            const long offset = network.weights[l] - network.firstWeight;
            const Real* weights = block.weights + offset;
            const Panel<Real> h{fields, length, used};
            const auto scaled = [gain](Vector<Real> sum, int, int) { return gain * sum; };
            const Real* tileInputs =
                patterns.inputs ? patterns.inputs + tile * static_cast<long>(inputs) * length
                                : nullptr;
            if (l > 1) {
                for (int c = 0; c < 3; c++)
                    product<Real>({weights + c * block.plane, inputs, 1}, neurons,
                                  {below + c * length, 3L * length, used}, inputs,
                                  {fields + c * length, 3L * length, used}, scaled);
            } else if (tileInputs) {
                for (int c = 0; c < 3; c++)
                    product<Real>({weights + c * block.plane, inputs, 1}, neurons,
                                  {tileInputs, length, used}, inputs,
                                  {fields + c * length, 3L * length, used}, scaled);
            } else {
                list_fields<Real>(network, patterns, block, first, count);
                to_panel<Real>(Rows<Real>{block.rows + first * patterns.row, patterns.row},
                               3 * neurons, count, h);
            }
            const long at = 3 * (network.spins[l] + first * neurons);  // of the spins
            Panel<const Real> s{here, length, used};
            if (l < depth)
                to_panel<Real>(Variables<Real, walls>{block.coordinates + at, 3L * neurons},
                               3 * neurons, count, Panel<Real>{here, length, used});
            else
                s.data = patterns.targets + tile * static_cast<long>(neurons) * length;
            local_energy<Real, Energy>(neurons, count, s, l == depth, gain, h,
                                       {bySpin, length, used}, chunk.sums + 3 * (l - 1));
            if (l < depth)
                from_panel<Real>({bySpin, length, used}, 3 * neurons, count,
                                 Derivatives<Real, walls>{{block.bySpin + at, 3L * neurons},
                                                          block.coordinates + at});
            if (l > 1) {
                Real* byWeight = chunk.gradient + (offset - patterns.gradientBegin);
                for (int c = 0; c < 3; c++) {
                    gradient<Real>({fields + c * length, 3L * length, used}, neurons,
                                   {below + c * length, 3L * length, used}, inputs,
                                   byWeight + c * plane, inputs);
                    product<Real>({weights + c * block.plane, 1, inputs}, inputs,
                                  {fields + c * length, 3L * length, used}, neurons,
                                  {bySpin + c * length, 3L * length, used},
                                  [](Vector<Real> sum, int, int) { return sum; });
                }
                const long under = 3 * (network.spins[l - 1] + first * inputs);
                from_panel<Real>({bySpin, length, used}, 3 * inputs, count,
                                 Derivatives<Real, walls>{{block.byField + under, 3L * inputs},
                                                          block.coordinates + under});
            } else if (tileInputs) {
                for (int c = 0; c < 3; c++)
                    gradient<Real>({fields + c * length, 3L * length, used}, neurons,
                                   {tileInputs, length, used}, inputs,
                                   chunk.gradient + offset + c * plane, inputs);
            } else {
                from_panel<Real>({fields, length, used}, 3 * neurons, count,
                                 Rows<Real>{block.rows + first * patterns.row, patterns.row});
            }
            Real* const last = below;
            below = here;
            here = last;
        }
    }
}

template <class Real, class Energy>
void layered_walls(const Network& network, const Patterns<Real>& patterns, const Block<Real>& block,
                   const Chunk<Real>& chunk) {
    if (network.walls)
        layered_tiles<Real, Energy, true>(network, patterns, block, chunk);
    else
        layered_tiles<Real, Energy, false>(network, patterns, block, chunk);
}

/** Squares and derivatives of all layers for a stretch of tiles. */
template <class Real>
void layered_chunk(const Network& network, const Patterns<Real>& patterns, const Block<Real>& block,
                   const Chunk<Real>& chunk) {
    if (network.energy == 2)
        layered_walls<Real, Softcore>(network, patterns, block, chunk);
    else
        layered_walls<Real, Residual>(network, patterns, block, chunk);
}

}  // namespace THERMALNET_ISA
}  // namespace ThermalNet

#endif
