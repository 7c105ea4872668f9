#include <doctest/doctest.h>

#include "numbers.h"
#include "products.h"

namespace ThermalNet {
namespace THERMALNET_ISA {
namespace {

/** Rounding of a sum of `terms` products of numbers in [-1, 1]. */
template <class Real>
double rounding(int terms) {
    return (terms + 3) * (terms + 3) * static_cast<double>(std::numeric_limits<Real>::epsilon());
}

template <class Real>
void check_product(int rows, int inner, int vectors, bool transposed) {
    const int length = vectors * Lanes<Real>::count, row = length + 5;
    const auto a = random_numbers<Real>(3L * (rows * inner) + 1, 7);
    const auto b = random_numbers<Real>(static_cast<long>(inner) * row + 1, 8);
    const auto before = random_numbers<Real>(static_cast<long>(rows) * row, 9);
    std::vector<Real> out = before;
    const Real scale = Real(0.75);  // finish: a factor, and what lies there
    const Matrix<const Real> matrix = transposed ? Matrix<const Real>{a.data(), 3, 3L * rows}
                                                 : Matrix<const Real>{a.data(), 3L * inner, 3};
    product<Real>(matrix, rows, {b.data(), row, length}, inner, {out.data(), row, length},
                  [&](Vector<Real> sum, int i, int t) {
                      return scale * sum + load<Vector<Real>>(before.data() + i * row + t);
                  });
    CAPTURE(rows);
    CAPTURE(inner);
    CAPTURE(vectors);
    for (int i = 0; i < rows; i++)
        for (int t = 0; t < row; t++) {
            long double sum = 0;
            for (int k = 0; k < inner; k++)
                sum += static_cast<long double>(a[i * matrix.row + k * matrix.column]) *
                       b[k * row + t];
            sum = sum * scale + before[i * row + t];
            if (t < length)
                REQUIRE(std::abs(static_cast<double>(out[i * row + t] - sum)) <=
                        rounding<Real>(inner));
            else
                REQUIRE(out[i * row + t] == before[i * row + t]);
        }
}

TEST_CASE_TEMPLATE("products of every remainder of rows and vectors", Real, float, double) {
    for (int rows = 1; rows <= 13; rows++)
        for (int vectors = 1; vectors <= 8; vectors++)
            for (int inner : {0, 1, 2, 7}) {
                check_product<Real>(rows, inner, vectors, false);
                check_product<Real>(rows, inner, vectors, true);
            }
}

TEST_CASE_TEMPLATE("gradients of every remainder of rows and columns", Real, float, double) {
    for (int rows = 1; rows <= 9; rows++)
        for (int columns = 1; columns <= 9; columns++)
            for (int vectors : {1, 2, 5}) {
                const int length = vectors * Lanes<Real>::count, row = length + 3;
                const auto d = random_numbers<Real>(static_cast<long>(rows) * row, 10);
                const auto s = random_numbers<Real>(static_cast<long>(columns) * row, 11);
                const int ldg = columns + 2;
                const auto before = random_numbers<Real>(static_cast<long>(rows) * ldg, 12);
                std::vector<Real> g = before;
                gradient<Real>({d.data(), row, length}, rows, {s.data(), row, length}, columns,
                               g.data(), ldg);
                CAPTURE(rows);
                CAPTURE(columns);
                for (int i = 0; i < rows; i++)
                    for (int j = 0; j < ldg; j++) {
                        const long at = i * ldg + j;
                        long double sum = before[at];
                        for (int t = 0; t < length && j < columns; t++)
                            sum += static_cast<long double>(d[i * row + t]) * s[j * row + t];
                        REQUIRE(std::abs(static_cast<double>(g[at] - sum)) <=
                                rounding<Real>(length));
                        if (j >= columns) REQUIRE(g[at] == before[at]);
                    }
            }
}

}  // namespace
}  // namespace THERMALNET_ISA
}  // namespace ThermalNet
