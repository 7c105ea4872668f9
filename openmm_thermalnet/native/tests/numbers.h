#ifndef THERMALNET_TESTS_NUMBERS_H_
#define THERMALNET_TESTS_NUMBERS_H_

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

/** Numbers in [-scale, scale], the same ones for each seed. */
template <class Real>
std::vector<Real> random_numbers(long count, unsigned seed, double scale = 1) {
    std::mt19937_64 bits(seed);
    std::vector<Real> numbers(count);
    for (Real& number : numbers)
        number = static_cast<Real>(scale * (std::ldexp(double(bits() >> 11), -52) - 1));
    return numbers;
}

/** The distance of a number from what it should be, in units of that one's last place. */
template <class Real>
double units_of_last_place(Real found, long double wanted) {
    const Real near = std::abs(static_cast<Real>(wanted));
    const Real next = std::nextafter(near, std::numeric_limits<Real>::infinity());
    return static_cast<double>(std::abs(found - wanted) / (static_cast<long double>(next) - near));
}

#endif
