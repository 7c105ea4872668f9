#include <doctest/doctest.h>

#include "fold.h"
#include "numbers.h"

namespace ThermalNet {
namespace THERMALNET_ISA {
namespace {

constexpr int kDoubles = Lanes<double>::count;

/** The triangle wave of period 4 by exact operations of the standard library. */
double triangle(double q) {
    const double y = std::remainder(q, 4.0);
    return std::abs(y) <= 1 ? y : std::copysign(2.0, y) - y;
}

double fold_one(double q) { return fold(broadcast<double>(q))[kDoubles - 1]; }
double slope_one(double q) { return fold_slope(broadcast<double>(q))[0]; }

TEST_CASE("the fold is the triangle wave, to the last bit") {
    for (double scale : {1.0, 3.0, 100.0, 1e9})
        for (double q : random_numbers<double>(2000, 1, scale)) {
            CAPTURE(q);
            CHECK(fold_one(q) == triangle(q));
            const double y = std::abs(std::remainder(q, 4.0));
            if (y != 1) CHECK(slope_one(q) == (y < 1 ? 1.0 : -1.0));
        }
    for (int k = -9; k <= 9; k++) {
        CHECK(fold_one(k) == triangle(k));
        CHECK(std::abs(slope_one(k)) == 1.0);
    }
}

TEST_CASE("coordinates without digits, infinite ones and NaN are NaN") {
    const double infinity = std::numeric_limits<double>::infinity();
    for (double q : {1e17, -1e17, infinity, -infinity, std::nan("")})
        CHECK(std::isnan(fold_one(q)));
}

TEST_CASE_TEMPLATE("variables and slopes of whole vectors, with walls and without", Real, float,
                   double) {
    constexpr int n = Lanes<Real>::count;
    const auto q = random_numbers<double>(n, 2, 5);
    const Vector<Real> folded = variable<Real, true>(q.data()),
                       free = variable<Real, false>(q.data());
    const Vector<Real> slopes = slope<Real, true>(q.data()), ones = slope<Real, false>(q.data());
    double part[n];
    padded<Real>(q.data(), n - 1, part);
    CHECK(part[n - 1] == 0);
    for (int i = 0; i < n; i++) {
        CHECK(folded[i] == static_cast<Real>(triangle(q[i])));
        CHECK(free[i] == static_cast<Real>(q[i]));
        CHECK(slopes[i] == static_cast<Real>(slope_one(q[i])));
        CHECK(ones[i] == Real(1));
        if (i < n - 1) CHECK(part[i] == q[i]);
    }
}

}  // namespace
}  // namespace THERMALNET_ISA
}  // namespace ThermalNet
