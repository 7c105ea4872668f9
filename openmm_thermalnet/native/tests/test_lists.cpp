#include <doctest/doctest.h>

#include "first_layer.h"
#include "numbers.h"

namespace ThermalNet {
namespace THERMALNET_ISA {
namespace {

/** Inputs of two values, dense and as lists, and room for what the kernels write. */
template <class Real>
struct Case {
    int inputs, neurons, count, groups, length;
    int widths[2];
    double gain = 0.5;
    std::vector<char> high;
    std::vector<int> highInputs, firstHighInput, highPatterns, firstHighPattern;
    std::vector<Real> weights, columns, base, rows;
    Network network{};
    Patterns<Real> patterns{};
    Block<Real> block{};

    Case(int inputs, int neurons, int count, int groups, double share)
        : inputs(inputs),
          neurons(neurons),
          count(count),
          groups(groups),
          length(Lanes<Real>::count),
          widths{inputs, neurons} {
        for (double u : random_numbers<double>(static_cast<long>(inputs) * count, 15))
            high.push_back((u + 1) / 2 < share);
        for (int group = 0; group < groups; group++)
            for (int m = 0; m < count; m++) {
                firstHighInput.push_back(static_cast<int>(highInputs.size()));
                for (int j = group * inputs / groups; j < (group + 1) * inputs / groups; j++)
                    if (high[m * inputs + j]) highInputs.push_back(j);
            }
        firstHighInput.push_back(static_cast<int>(highInputs.size()));
        const int tiles = (count + length - 1) / length;
        for (int tile = 0; tile < tiles; tile++)
            for (int j = 0; j < inputs; j++) {
                firstHighPattern.push_back(static_cast<int>(highPatterns.size()));
                for (int m = tile * length; m < std::min(count, (tile + 1) * length); m++)
                    if (high[m * inputs + j]) highPatterns.push_back(m);
            }
        firstHighPattern.push_back(static_cast<int>(highPatterns.size()));
        constexpr int n = Lanes<Real>::count;
        patterns.row = (3 * neurons + n - 1) / n * n;
        patterns.length = length;
        patterns.tiles = tiles;
        patterns.groups = groups;
        patterns.highInputs = highInputs.data();
        patterns.firstHighInput = firstHighInput.data();
        patterns.highPatterns = highPatterns.data();
        patterns.firstHighPattern = firstHighPattern.data();
        patterns.low = Real(-0.25);
        patterns.step = Real(1.25);
        weights = random_numbers<Real>(3L * inputs * neurons, 16);
        columns.assign(static_cast<long>(inputs) * patterns.row, Real(9));
        base.assign(patterns.row, Real(9));
        rows.assign(static_cast<long>(count) * patterns.row, Real(9));
        network.depth = 1;
        network.patterns = count;
        network.widths = widths;
        network.gains = &gain;
        block.weights = weights.data();
        block.plane = static_cast<long>(inputs) * neurons;
        block.columns = columns.data();
        block.base = base.data();
        block.rows = rows.data();
    }
    long double input(int m, int j) const {
        return patterns.low + (high[m * inputs + j] ? static_cast<long double>(patterns.step) : 0);
    }
};

template <class Real>
void check_lists(int inputs, int neurons, int count, int groups, double share) {
    Case<Real> c(inputs, neurons, count, groups, share);
    CAPTURE(inputs);
    CAPTURE(neurons);
    CAPTURE(count);
    const double tolerance = 4.0 * (inputs + count) * std::numeric_limits<Real>::epsilon();
    list_columns<Real>(c.network, c.patterns, c.block);
    for (int first = 0; first < count; first += c.length)
        list_fields<Real>(c.network, c.patterns, c.block, first, std::min(c.length, count - first));
    const int row = c.patterns.row;
    for (int m = 0; m < count; m++)
        for (int k = 0; k < row; k++) {
            long double field = 0;
            for (int j = 0; j < inputs && k < 3 * neurons; j++)
                field +=
                    c.gain * c.input(m, j) * c.weights[k % 3 * c.block.plane + k / 3 * inputs + j];
            REQUIRE(std::abs(static_cast<double>(c.rows[m * row + k] - field)) <= tolerance);
        }

    const auto derivatives = random_numbers<Real>(static_cast<long>(count) * row, 17);
    std::copy(derivatives.begin(), derivatives.end(), c.rows.begin());
    std::vector<Real> scratch(row), gradient(c.weights.size(), Real(9));
    const int middle = inputs / 2;
    for (int part = 0; part < 2; part++)
        list_gradient<Real>(c.network, c.patterns, c.block, part ? middle : 0,
                            part ? inputs : middle, scratch.data(), gradient.data());
    for (int i = 0; i < neurons; i++)
        for (int j = 0; j < inputs; j++)
            for (int x = 0; x < 3; x++) {
                long double sum = 0;
                for (int m = 0; m < count; m++) sum += c.input(m, j) * c.rows[m * row + 3 * i + x];
                const Real found = gradient[x * c.block.plane + i * inputs + j];
                REQUIRE(std::abs(static_cast<double>(found - sum)) <= tolerance);
            }
}

TEST_CASE_TEMPLATE("sums over lists are those over dense inputs", Real, float, double) {
    for (int neurons = 1; neurons <= 2 * Lanes<Real>::count; neurons++)
        check_lists<Real>(11, neurons, 2 * Lanes<Real>::count + 1, 2, 0.4);
    for (int inputs : {1, 2, 30}) check_lists<Real>(inputs, 5, 3, 1, 0.5);
    check_lists<Real>(20, 3, 9, 3, 0);  // no input is high
    check_lists<Real>(20, 3, 9, 3, 1);  // all are
}

}  // namespace
}  // namespace THERMALNET_ISA
}  // namespace ThermalNet
