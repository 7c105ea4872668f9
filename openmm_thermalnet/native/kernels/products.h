#ifndef THERMALNET_PRODUCTS_H_
#define THERMALNET_PRODUCTS_H_

#include "vector.h"

namespace ThermalNet {
namespace THERMALNET_ISA {

/** A matrix in memory, whose rows and columns are any distance apart. */
template <class Real>
struct Matrix {
    Real* data;
    long row;
    long column;
};

/** A panel: rows of numbers for `length` patterns, which lie side by side, whole vectors. */
template <class Real>
struct Panel {
    Real* data;
    long row;
    int length;
};

namespace detail {

// Rows i ... i + rows - 1 of a product, for `vectors` vectors of patterns from t on.
template <class Real, int rows, int vectors, class Finish>
inline void product_block(Matrix<const Real> a, Panel<const Real> b, int inner, Panel<Real> out,
                          int i, int t, const Finish& finish) {
    constexpr int n = Lanes<Real>::count;
    const Real* const factors = a.data + i * a.row;
    const Real* const panel = b.data + t;
    Vector<Real> sum[rows][vectors];
#pragma GCC unroll 16
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 16
        for (int v = 0; v < vectors; v++) sum[r][v] = zero<Real>();
    for (int k = 0; k < inner; k++) {
        Vector<Real> from[vectors];
#pragma GCC unroll 16
        for (int v = 0; v < vectors; v++) from[v] = load<Vector<Real>>(panel + k * b.row + v * n);
#pragma GCC unroll 16
        for (int r = 0; r < rows; r++) {
            const Vector<Real> factor = broadcast(factors[r * a.row + k * a.column]);
#pragma GCC unroll 16
            for (int v = 0; v < vectors; v++) sum[r][v] += factor * from[v];
        }
    }
#pragma GCC unroll 16
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 16
        for (int v = 0; v < vectors; v++)
            store(out.data + (i + r) * out.row + t + v * n, finish(sum[r][v], i + r, t + v * n));
}

template <class Real, int vectors, class Finish>
inline void product_columns(Matrix<const Real> a, int rows, Panel<const Real> b, int inner,
                            Panel<Real> out, int t, const Finish& finish) {
    // As many sums as the registers hold beside what they are made of.
    constexpr int block = (kRegisters - vectors - 1) / vectors >= 6   ? 6
                          : (kRegisters - vectors - 1) / vectors >= 4 ? 4
                                                                      : 2;
    int i = 0;
    for (; i + block <= rows; i += block)
        product_block<Real, block, vectors>(a, b, inner, out, i, t, finish);
    for (; i + 2 <= rows; i += 2) product_block<Real, 2, vectors>(a, b, inner, out, i, t, finish);
    for (; i < rows; i++) product_block<Real, 1, vectors>(a, b, inner, out, i, t, finish);
}

template <class Real, int rows, int columns>
inline void gradient_block(const Real* d, long ldd, const Real* s, long lds, int length, Real* g,
                           long ldg) {
    constexpr int n = Lanes<Real>::count;
    constexpr int sumsAtOnce = rows * columns;
    constexpr int padded = (sumsAtOnce + n - 1) / n * n;
    Vector<Real> sum[padded];
    Real total[padded];
#pragma GCC unroll 16
    for (int i = 0; i < padded; i++) sum[i] = zero<Real>();
    for (int t = 0; t < length; t += n) {
        Vector<Real> from[columns];
#pragma GCC unroll 16
        for (int j = 0; j < columns; j++) from[j] = load<Vector<Real>>(s + j * lds + t);
#pragma GCC unroll 16
        for (int i = 0; i < rows; i++) {
            const Vector<Real> derivative = load<Vector<Real>>(d + i * ldd + t);
#pragma GCC unroll 16
            for (int j = 0; j < columns; j++) sum[i * columns + j] += derivative * from[j];
        }
    }
#pragma GCC unroll 16
    for (int first = 0; first < padded; first += n) store(total + first, sums<Real>(sum + first));
    using Row = typename VectorOf<Real, columns>::type;
#pragma GCC unroll 16
    for (int i = 0; i < rows; i++)
        store(g + i * ldg, load<Row>(g + i * ldg) + load<Row>(total + i * columns));
}

template <class Real, int columns>
inline void gradient_rows(const Real* d, long ldd, int rows, const Real* s, long lds, int length,
                          Real* g, long ldg) {
    int i = 0;
    for (; i + 4 <= rows; i += 4)
        gradient_block<Real, 4, columns>(d + i * ldd, ldd, s, lds, length, g + i * ldg, ldg);
    for (; i + 2 <= rows; i += 2)
        gradient_block<Real, 2, columns>(d + i * ldd, ldd, s, lds, length, g + i * ldg, ldg);
    for (; i < rows; i++)
        gradient_block<Real, 1, columns>(d + i * ldd, ldd, s, lds, length, g + i * ldg, ldg);
}

}  // namespace detail

/**
 * out = finish(a b) for a matrix (rows, inner) and a panel of `inner` rows.
 *
 * finish(sum, i, t) makes what is stored in row i for the patterns of a vector, from t on.
 */
template <class Real, class Finish>
inline void product(Matrix<const Real> a, int rows, Panel<const Real> b, int inner, Panel<Real> out,
                    const Finish& finish) {
    constexpr int n = Lanes<Real>::count;
    int t = 0;
    for (; t + 4 * n <= b.length; t += 4 * n)
        detail::product_columns<Real, 4>(a, rows, b, inner, out, t, finish);
    for (; t + 2 * n <= b.length; t += 2 * n)
        detail::product_columns<Real, 2>(a, rows, b, inner, out, t, finish);
    for (; t < b.length; t += n)
        detail::product_columns<Real, 1>(a, rows, b, inner, out, t, finish);
}

/** g += d s^T, the sum over patterns of two panels; rows of g are `ldg` numbers apart. */
template <class Real>
inline void gradient(Panel<const Real> d, int rows, Panel<const Real> s, int columns, Real* g,
                     long ldg) {
    int j = 0;
    for (; j + 4 <= columns; j += 4)
        detail::gradient_rows<Real, 4>(d.data, d.row, rows, s.data + j * s.row, s.row, d.length,
                                       g + j, ldg);
    for (; j + 2 <= columns; j += 2)
        detail::gradient_rows<Real, 2>(d.data, d.row, rows, s.data + j * s.row, s.row, d.length,
                                       g + j, ldg);
    for (; j < columns; j++)
        detail::gradient_rows<Real, 1>(d.data, d.row, rows, s.data + j * s.row, s.row, d.length,
                                       g + j, ldg);
}

}  // namespace THERMALNET_ISA
}  // namespace ThermalNet

#endif
