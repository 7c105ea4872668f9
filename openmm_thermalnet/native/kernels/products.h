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

template <class Real, int rows, int vectors, bool add>
inline void product_block(Matrix<const Real> a, const Real* b, long ldb, int inner, Real scale,
                          Real* out, long ldo) {
    constexpr int n = Lanes<Real>::count;
    Vector<Real> sum[rows][vectors];
#pragma GCC unroll 16
    for (int i = 0; i < rows; i++)
#pragma GCC unroll 16
        for (int v = 0; v < vectors; v++) sum[i][v] = zero<Real>();
    for (int k = 0; k < inner; k++) {
        Vector<Real> from[vectors];
#pragma GCC unroll 16
        for (int v = 0; v < vectors; v++) from[v] = load<Vector<Real>>(b + k * ldb + v * n);
#pragma GCC unroll 16
        for (int i = 0; i < rows; i++) {
            const Vector<Real> factor = broadcast(a.data[i * a.row + k * a.column]);
#pragma GCC unroll 16
            for (int v = 0; v < vectors; v++) sum[i][v] += factor * from[v];
        }
    }
#pragma GCC unroll 16
    for (int i = 0; i < rows; i++)
#pragma GCC unroll 16
        for (int v = 0; v < vectors; v++) {
            Real* to = out + i * ldo + v * n;
            Vector<Real> value = scale * sum[i][v];
            if constexpr (add) value += load<Vector<Real>>(to);
            store(to, value);
        }
}

template <class Real, int vectors, bool add>
inline void product_columns(Matrix<const Real> a, int rows, const Real* b, long ldb, int inner,
                            Real scale, Real* out, long ldo) {
    // As many sums as the registers hold beside what they are made of.
    constexpr int most = (kRegisters - 4) / (vectors + 1) >= 6 ? 6 : 4;
    constexpr int block = vectors >= 4 && kRegisters < 32 ? 2 : most;
    int i = 0;
    for (; i + block <= rows; i += block)
        product_block<Real, block, vectors, add>({a.data + i * a.row, a.row, a.column}, b, ldb,
                                                 inner, scale, out + i * ldo, ldo);
    for (; i + 2 <= rows; i += 2)
        product_block<Real, 2, vectors, add>({a.data + i * a.row, a.row, a.column}, b, ldb, inner,
                                             scale, out + i * ldo, ldo);
    for (; i < rows; i++)
        product_block<Real, 1, vectors, add>({a.data + i * a.row, a.row, a.column}, b, ldb, inner,
                                             scale, out + i * ldo, ldo);
}

template <class Real, int rows, int columns>
inline void gradient_block(const Real* d, long ldd, const Real* s, long lds, int length,
                           Matrix<Real> g) {
    constexpr int n = Lanes<Real>::count;
    constexpr int sumsAtOnce = rows * columns;
    constexpr int padded = (sumsAtOnce + n - 1) / n * n;
    Vector<Real> sum[padded];
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
    for (int first = 0; first < padded; first += n) {
        const Vector<Real> totals = sums<Real>(sum + first);
        for (int k = 0; k < n && first + k < sumsAtOnce; k++) {
            const int i = (first + k) / columns, j = (first + k) % columns;
            g.data[i * g.row + j * g.column] += totals[k];
        }
    }
}

template <class Real, int columns>
inline void gradient_rows(const Real* d, long ldd, int rows, const Real* s, long lds, int length,
                          Matrix<Real> g) {
    int i = 0;
    for (; i + 4 <= rows; i += 4)
        gradient_block<Real, 4, columns>(d + i * ldd, ldd, s, lds, length,
                                         {g.data + i * g.row, g.row, g.column});
    for (; i + 2 <= rows; i += 2)
        gradient_block<Real, 2, columns>(d + i * ldd, ldd, s, lds, length,
                                         {g.data + i * g.row, g.row, g.column});
    for (; i < rows; i++)
        gradient_block<Real, 1, columns>(d + i * ldd, ldd, s, lds, length,
                                         {g.data + i * g.row, g.row, g.column});
}

}  // namespace detail

/** out = scale a b for a matrix (rows, inner) and a panel of `inner` rows. */
template <class Real, bool add = false>
inline void product(Matrix<const Real> a, int rows, Panel<const Real> b, int inner, Real scale,
                    Panel<Real> out) {
    constexpr int n = Lanes<Real>::count;
    int t = 0;
    for (; t + 4 * n <= b.length; t += 4 * n)
        detail::product_columns<Real, 4, add>(a, rows, b.data + t, b.row, inner, scale,
                                              out.data + t, out.row);
    for (; t + 2 * n <= b.length; t += 2 * n)
        detail::product_columns<Real, 2, add>(a, rows, b.data + t, b.row, inner, scale,
                                              out.data + t, out.row);
    for (; t < b.length; t += n)
        detail::product_columns<Real, 1, add>(a, rows, b.data + t, b.row, inner, scale,
                                              out.data + t, out.row);
}

/** g += d s^T, the sum over patterns of two panels of `rows` and `columns` rows. */
template <class Real>
inline void gradient(Panel<const Real> d, int rows, Panel<const Real> s, int columns,
                     Matrix<Real> g) {
    int j = 0;
    for (; j + 4 <= columns; j += 4)
        detail::gradient_rows<Real, 4>(d.data, d.row, rows, s.data + j * s.row, s.row, d.length,
                                       {g.data + j * g.column, g.row, g.column});
    for (; j + 2 <= columns; j += 2)
        detail::gradient_rows<Real, 2>(d.data, d.row, rows, s.data + j * s.row, s.row, d.length,
                                       {g.data + j * g.column, g.row, g.column});
    for (; j < columns; j++)
        detail::gradient_rows<Real, 1>(d.data, d.row, rows, s.data + j * s.row, s.row, d.length,
                                       {g.data + j * g.column, g.row, g.column});
}

}  // namespace THERMALNET_ISA
}  // namespace ThermalNet

#endif
