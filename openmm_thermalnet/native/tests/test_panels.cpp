#include <doctest/doctest.h>

#include "numbers.h"
#include "panels.h"

namespace ThermalNet {
namespace THERMALNET_ISA {
namespace {

TEST_CASE_TEMPLATE("a square of vectors is transposed, and its lanes summed", Real, float, double) {
    constexpr int n = Lanes<Real>::count;
    Vector<Real> rows[n], terms[n];
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++) terms[i][j] = rows[i][j] = static_cast<Real>(100 * i + j);
    transpose<Real>(rows);
    const Vector<Real> totals = sums<Real>(terms);
    for (int i = 0; i < n; i++) {
        CHECK(totals[i] == static_cast<Real>(100 * i * n + n * (n - 1) / 2));
        for (int j = 0; j < n; j++) CHECK(rows[i][j] == static_cast<Real>(100 * j + i));
    }
}

TEST_CASE_TEMPLATE("x, y and z of three vectors are separated, and alternate again", Real, float,
                   double) {
    constexpr int n = Lanes<Real>::count;
    Vector<Real> v[3];
    for (int i = 0; i < 3 * n; i++) v[i / n][i % n] = static_cast<Real>(i);
    separate<Real>(v);
    for (int i = 0; i < 3 * n; i++) CHECK(v[i % 3][i / 3] == static_cast<Real>(i));
    alternate<Real>(v);
    for (int i = 0; i < 3 * n; i++) CHECK(v[i / n][i % n] == static_cast<Real>(i));
}

TEST_CASE_TEMPLATE("rows become panels and rows again, whatever their size", Real, float, double) {
    constexpr int n = Lanes<Real>::count;
    for (int columns = 1; columns <= 2 * n + 3; columns++)
        for (int count = 1; count <= 2 * n; count++) {
            CAPTURE(columns);
            CAPTURE(count);
            const int length = 2 * n;
            // No number follows the last row, nor the last number of the panel.
            const auto from = random_numbers<Real>(static_cast<long>(count) * columns, 13);
            std::vector<Real> source = from, panel(static_cast<long>(columns) * length, Real(7));
            to_panel<Real>(Rows<Real>{source.data(), columns}, columns, count,
                           {panel.data(), length, length});
            for (int j = 0; j < columns; j++)
                for (int t = 0; t < length; t++)
                    REQUIRE(panel[j * length + t] == (t < count ? from[t * columns + j] : Real(0)));
            std::vector<Real> back(from.size(), Real(7));
            from_panel<Real>({panel.data(), length, length}, columns, count,
                             Rows<Real>{back.data(), columns});
            REQUIRE(back == from);
        }
}

TEST_CASE_TEMPLATE("coordinates are folded into panels, derivatives carry the slope", Real, float,
                   double) {
    constexpr int n = Lanes<Real>::count;
    for (int columns : {1, 3, n, n + 1, 3 * n - 1}) {
        const int count = n + 1, length = 2 * n;
        const auto q = random_numbers<double>(static_cast<long>(count) * columns, 14, 4);
        std::vector<Real> panel(static_cast<long>(columns) * length), out(q.size());
        to_panel<Real>(Variables<Real, true>{q.data(), columns}, columns, count,
                       {panel.data(), length, length});
        from_panel<Real>({panel.data(), length, length}, columns, count,
                         Derivatives<Real, true>{{out.data(), columns}, q.data()});
        for (int t = 0; t < count; t++)
            for (int j = 0; j < columns; j++) {
                const Vector<double> one = broadcast<double>(q[t * columns + j]);
                const Real folded = static_cast<Real>(fold(one)[0]);
                REQUIRE(panel[j * length + t] == folded);
                REQUIRE(out[t * columns + j] == folded * static_cast<Real>(fold_slope(one)[0]));
            }
    }
}

}  // namespace
}  // namespace THERMALNET_ISA
}  // namespace ThermalNet
