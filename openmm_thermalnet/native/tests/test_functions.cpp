#include <doctest/doctest.h>

#include "functions.h"
#include "numbers.h"

namespace ThermalNet {
namespace THERMALNET_ISA {
namespace {

template <class Real>
Real tanh_one(Real x) {
    return tanh(broadcast<Real>(x))[Lanes<Real>::count - 1];
}

TEST_CASE_TEMPLATE("tanh to a few units of the last place", Real, float, double) {
    double worst = 0;
    std::vector<Real> numbers = random_numbers<Real>(100000, 3, 22);
    for (Real x : random_numbers<Real>(100000, 4, 1)) numbers.push_back(x);
    for (Real x : random_numbers<Real>(100000, 5, 1))
        numbers.push_back(x * std::exp(Real(60) * (std::abs(x) - 1)));
    for (Real x : numbers)
        worst = std::max(worst,
                         units_of_last_place(tanh_one(x), std::tanh(static_cast<long double>(x))));
    CHECK(worst < (sizeof(Real) == 4 ? 6 : 3));
}

TEST_CASE_TEMPLATE("tanh of 0, of infinities and of NaN", Real, float, double) {
    const Real infinity = std::numeric_limits<Real>::infinity();
    CHECK(tanh_one(Real(0)) == 0);
    CHECK(tanh_one(infinity) ==
          doctest::Approx(1).epsilon(2 * std::numeric_limits<Real>::epsilon()));
    CHECK(tanh_one(-infinity) == -tanh_one(infinity));
    CHECK(std::isnan(tanh_one(std::numeric_limits<Real>::quiet_NaN())));
}

TEST_CASE_TEMPLATE("tanh is odd and no larger than 1", Real, float, double) {
    for (Real x : random_numbers<Real>(20000, 6, 30)) {
        CAPTURE(x);
        CHECK(tanh_one(-x) == -tanh_one(x));
        CHECK(std::abs(tanh_one(x)) <= 1);
    }
}

}  // namespace
}  // namespace THERMALNET_ISA
}  // namespace ThermalNet
