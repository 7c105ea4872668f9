#include <doctest/doctest.h>

#include "noise.h"
#include "numbers.h"

namespace ThermalNet {
namespace THERMALNET_ISA {
namespace {

constexpr int kQuarter = 64;

TEST_CASE("Philox4x32-7 gives the known answers of Random123") {
    struct Known {
        uint32_t counter[4], key[2], words[4];
    };
    const Known known[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x5f6fb709, 0x0d893f64, 0x4f121f81, 0x4f730a48}},
        {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
         {0xffffffff, 0xffffffff},
         {0x5207ddc2, 0x45165e59, 0x4d8ee751, 0x8c52f662}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         {0xa4093822, 0x299f31d0},
         {0x4dfccaba, 0x190a87f0, 0xc47362ba, 0xb6b5242a}},
    };
    const auto join = [](const uint32_t* w) { return uint64_t(w[0]) | uint64_t(w[1]) << 32; };
    for (const Known& k : known) {
        uint32_t words[4][1];
        philox<1>(join(k.key), join(k.counter + 2), join(k.counter), words);
        for (int i = 0; i < 4; i++) CHECK(words[i][0] == k.words[i]);
    }
}

TEST_CASE("a place has the same bits whatever stretch it is drawn in") {
    uint32_t many[4][kQuarter], one[4][1];
    philox(12, 34, 56 * kQuarter, many);
    for (int i = 0; i < kQuarter; i++) {
        philox(12, 34, 56 * kQuarter + i, one);
        for (int w = 0; w < 4; w++) CHECK(many[w][i] == one[w][0]);
    }
}

TEST_CASE("normal numbers are Box and Muller's of the random bits") {
    const double turn = 2 * std::acos(-1.0);
    for (uint64_t block = 0; block < 200; block++) {
        uint32_t words[4][kQuarter];
        float numbers[4 * kQuarter];
        philox(5, 6, block * kQuarter, words);
        normal_numbers<kQuarter>(5, 6, block, numbers);
        for (int i = 0; i < kQuarter; i++)
            for (int pair = 0; pair < 2; pair++) {
                const double r =
                    std::sqrt(-2 * std::log(double(detail::uniform(words[2 * pair][i]))));
                const double angle = turn * detail::uniform(words[2 * pair + 1][i]);
                CHECK(std::abs(numbers[2 * pair * kQuarter + i] - r * std::cos(angle)) < 2e-6);
                CHECK(std::abs(numbers[(2 * pair + 1) * kQuarter + i] - r * std::sin(angle)) <
                      2e-6);
            }
    }
}

TEST_CASE("the rarest bits give finite numbers") {
    for (uint32_t word : {0u, 1u, 0x7fffffffu, 0x80000000u, 0xffffffffu}) {
        const float u = detail::uniform(word);
        CHECK(u > 0);
        CHECK(u <= 1);
        CHECK(detail::logarithm(u) == doctest::Approx(std::log(u)).epsilon(1e-6));
        float sine, cosine;
        detail::turn(u, &sine, &cosine);
        CHECK(std::abs(sine * sine + cosine * cosine - 1) < 1e-6);
    }
}

TEST_CASE("moments to the sixth are those of the normal distribution") {
    const int blocks = 4000, count = blocks * 4 * kQuarter;
    double sums[7] = {};
    for (int block = 0; block < blocks; block++) {
        float numbers[4 * kQuarter];
        normal_numbers<kQuarter>(2026, 1, block, numbers);
        for (float x : numbers) {
            double power = 1;
            for (double& sum : sums) {
                sum += power;
                power *= x;
            }
        }
    }
    const double moments[13] = {1, 0, 1, 0, 3, 0, 15, 0, 105, 0, 945, 0, 10395};
    for (int k = 1; k <= 6; k++) {
        const double error = std::sqrt((moments[2 * k] - moments[k] * moments[k]) / count);
        CAPTURE(k);
        CHECK(std::abs(sums[k] / count - moments[k]) < 4 * error);
    }
}

TEST_CASE("every instruction set and processor draws the same bits") {
    uint64_t hash = 14695981039346656037u;  // FNV-1a
    for (uint64_t block = 0; block < 64; block++) {
        float numbers[4 * kQuarter];
        normal_numbers<kQuarter>(0x123456789abcdefu, 42, block, numbers);
        for (float x : numbers) {
            uint32_t word;
            std::memcpy(&word, &x, sizeof(word));
            hash = (hash ^ word) * 1099511628211u;
        }
    }
    CHECK(hash == 2092989955799676671u);
}

}  // namespace
}  // namespace THERMALNET_ISA
}  // namespace ThermalNet
