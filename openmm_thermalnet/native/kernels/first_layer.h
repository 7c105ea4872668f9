#ifndef THERMALNET_FIRST_LAYER_H_
#define THERMALNET_FIRST_LAYER_H_

// The first layer where inputs have two values: sums over lists of the high ones. A list is short
// enough that the rows it picks stay in the fastest cache: it covers a group of inputs, or the
// patterns of one tile.

#include "panels.h"
#include "tasks.h"

namespace ThermalNet {
namespace THERMALNET_ISA {

namespace detail {

/** out += the rows of a table that a list names, `vectors` vectors of each, in separate chains. */
template <class Real, int vectors, int chains>
inline void add_stretch(const Real* table, long row, const int* list, const int* end, Real* out) {
    constexpr int n = Lanes<Real>::count;
    Vector<Real> sum[chains][vectors];
#pragma GCC unroll 8
    for (int v = 0; v < vectors; v++) {
        sum[0][v] = load<Vector<Real>>(out + v * n);
#pragma GCC unroll 8
        for (int k = 1; k < chains; k++) sum[k][v] = zero<Real>();
    }
    for (; list + chains <= end; list += chains)
#pragma GCC unroll 8
        for (int k = 0; k < chains; k++)
#pragma GCC unroll 8
            for (int v = 0; v < vectors; v++)
                sum[k][v] += load<Vector<Real>>(table + list[k] * row + v * n);
    for (; list < end; list++)
#pragma GCC unroll 8
        for (int v = 0; v < vectors; v++)
            sum[0][v] += load<Vector<Real>>(table + list[0] * row + v * n);
#pragma GCC unroll 8
    for (int v = 0; v < vectors; v++) {
        Vector<Real> total = sum[0][v];
#pragma GCC unroll 8
        for (int k = 1; k < chains; k++) total += sum[k][v];
        store(out + v * n, total);
    }
}

/** Call add(column, vectors) for stretches of a row of whole vectors. */
template <class Real, class Add>
inline void for_stretches(int row, Add add) {
    constexpr int n = Lanes<Real>::count;
    int column = 0;
    for (; column + 4 * n <= row; column += 4 * n) add(column, std::integral_constant<int, 4>{});
    for (; column + 2 * n <= row; column += 2 * n) add(column, std::integral_constant<int, 2>{});
    for (; column < row; column += n) add(column, std::integral_constant<int, 1>{});
}

}  // namespace detail

/** Rows of first weights, of x, y and z in turns; see to_panel. */
template <class Real>
struct FirstWeights {
    const Real* data;
    long plane;
    long inputs;

    const Real* at(int row, int input) const {
        return data + row % 3 * plane + row / 3 * inputs + input;
    }
    Vector<Real> whole(int row, int input) const { return load<Vector<Real>>(at(row, input)); }
    Vector<Real> part(int row, int input, int count) const {
        return load_part<Real>(at(row, input), count);
    }
};

/** The first weights as [input][row], times gain and step, and their sums times gain and low. */
template <class Real>
void list_columns(const Network& network, const Patterns<Real>& patterns,
                  const Block<Real>& block) {
    const int inputs = network.widths[0], row = patterns.row;
    const Real gain = static_cast<Real>(network.gains[0]);
    to_panel<Real>(FirstWeights<Real>{block.weights, block.plane, inputs}, inputs,
                   3 * network.widths[1], Panel<Real>{block.columns, row, row});
    for (int k = 0; k < row; k++) block.base[k] = 0;
    for (long j = 0; j < inputs; j++)
        for (int k = 0; k < row; k++) {
            block.base[k] += block.columns[j * row + k];
            block.columns[j * row + k] *= gain * patterns.step;
        }
    for (int k = 0; k < row; k++) block.base[k] *= gain * patterns.low;
}

/** The first local fields of the patterns of a tile, as rows. */
template <class Real>
inline void list_fields(const Network& network, const Patterns<Real>& patterns,
                        const Block<Real>& block, long first, int count) {
    const int row = patterns.row;
    for (long m = first; m < first + count; m++)
        for (int k = 0; k < row; k++) block.rows[m * row + k] = block.base[k];
    detail::for_stretches<Real>(row, [&](int column, auto vectors) {
        constexpr int chains = decltype(vectors)::value > 2 ? 2 : 4;
        for (int group = 0; group < patterns.groups; group++) {
            const int* starts =
                patterns.firstHighInput + group * static_cast<long>(network.patterns);
            for (long m = first; m < first + count; m++)
                detail::add_stretch<Real, decltype(vectors)::value, chains>(
                    block.columns + column, row, patterns.highInputs + starts[m],
                    patterns.highInputs + starts[m + 1], block.rows + m * row + column);
        }
    });
}

/** Rows of derivatives by the first weights, which from_panel gives without low and step. */
template <class Real>
struct FirstDerivatives {
    Real* data;
    long plane;
    long inputs;
    const Real* base;
    Real low;
    Real step;

    void put(int row, int input, Vector<Real> v) const {
        put_part(row, input, Lanes<Real>::count, v);
    }
    void put_part(int row, int input, int count, Vector<Real> v) const {
        store_part<Real>(data + row % 3 * plane + row / 3 * inputs + input,
                         low * base[row] + step * v, count);
    }
};

/**
 * Derivative by the first weights of some inputs, from that by the first fields, for all patterns.
 *
 * It is summed in place of the columns, which are not needed any more.
 */
template <class Real>
void list_gradient(const Network& network, const Patterns<Real>& patterns, const Block<Real>& block,
                   int firstInput, int lastInput, Real* base, Real* gradient) {
    const long inputs = network.widths[0];
    const int row = patterns.row;
    for (int k = 0; k < row; k++) base[k] = 0;
    for (long m = 0; m < network.patterns; m++)
        for (int k = 0; k < row; k++) base[k] += block.rows[m * row + k];
    Real* const sums = block.columns;
    for (long k = static_cast<long>(firstInput) * row; k < static_cast<long>(lastInput) * row; k++)
        sums[k] = 0;
    for (int tile = 0; tile < patterns.tiles; tile++) {
        const int* starts = patterns.firstHighPattern + tile * inputs;
        detail::for_stretches<Real>(row, [&](int column, auto vectors) {
            constexpr int chains = decltype(vectors)::value > 2 ? 2 : 4;
            for (long j = firstInput; j < lastInput; j++)
                detail::add_stretch<Real, decltype(vectors)::value, chains>(
                    block.rows + column, row, patterns.highPatterns + starts[j],
                    patterns.highPatterns + starts[j + 1], sums + j * row + column);
        });
    }
    from_panel<Real>({sums + static_cast<long>(firstInput) * row, row, row}, lastInput - firstInput,
                     3 * network.widths[1],
                     FirstDerivatives<Real>{gradient + firstInput, network.widths[1] * inputs,
                                            inputs, base, patterns.low, patterns.step});
}

}  // namespace THERMALNET_ISA
}  // namespace ThermalNet

#endif
