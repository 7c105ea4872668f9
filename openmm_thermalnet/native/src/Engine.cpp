#include "Engine.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <new>

namespace ThermalNet {

namespace {

constexpr long kPanelBytes = 1 << 20;
constexpr long kStretch = 1 << 13;  // parameters whose forces one thread writes
constexpr size_t kLine = 64;        // bytes of a cache line, and of the largest vector

/** An array that begins where a cache line does. */
template <class Real>
class Aligned {
public:
    Aligned() = default;
    explicit Aligned(size_t size)
        : data_(static_cast<Real*>(std::aligned_alloc(
              kLine, (std::max<size_t>(size, 1) * sizeof(Real) + kLine - 1) / kLine * kLine))) {
        if (!data_) throw std::bad_alloc();
        std::fill_n(data_.get(), size, Real(0));
    }
    Real* get() const { return data_.get(); }

private:
    struct Free {
        void operator()(Real* p) const { std::free(p); }
    };
    std::unique_ptr<Real, Free> data_;
};

/** Where each layer's parameters begin. */
struct Places {
    std::vector<long> spins, weights, biases;
    long firstWeight = 0, parameters = 0;

    explicit Places(const NetworkData& data) {
        const int depth = data.depth();
        for (auto* places : {&spins, &weights, &biases}) places->assign(depth + 1, 0);
        for (int l = 1; data.isLayered() && l < depth; l++) {
            spins[l] = parameters;
            parameters += static_cast<long>(data.patterns) * data.widths[l];
        }
        firstWeight = parameters;
        for (int l = 1; l <= depth; l++) {
            weights[l] = parameters;
            parameters += static_cast<long>(data.widths[l]) * data.widths[l - 1];
        }
        for (int l = 1; data.bias && l <= depth; l++) {
            biases[l] = parameters;
            parameters += data.widths[l];
        }
    }
};

/** Inputs of two values, the rarer of which is called high; see Patterns. */
struct Lists {
    static constexpr int kGroup = 128;  // inputs of a list: their rows fit the fastest cache
    bool exist = false;
    double low = 0, high = 0;
    int groups = 0;
    std::vector<int> inputs, firstInput, patterns, firstPattern;

    Lists(const NetworkData& data, int length) {
        const int width = data.widths[0], count = data.patterns;
        low = data.inputs[0];
        size_t others = 0;
        for (double x : data.inputs) {
            if (x == low) continue;
            if (others && x != high) return;  // a third value
            high = x;
            others++;
        }
        if (2 * others > data.inputs.size()) std::swap(low, high);
        exist = true;
        const auto isHigh = [&](int pattern, int input) {
            return others && data.inputs[static_cast<size_t>(pattern) * width + input] == high;
        };
        groups = (width + kGroup - 1) / kGroup;
        for (int group = 0; group < groups; group++)
            for (int m = 0; m < count; m++) {
                firstInput.push_back(static_cast<int>(inputs.size()));
                for (int j = group * kGroup; j < std::min((group + 1) * kGroup, width); j++)
                    if (isHigh(m, j)) inputs.push_back(j);
            }
        firstInput.push_back(static_cast<int>(inputs.size()));
        for (int first = 0; first < count; first += length)
            for (int j = 0; j < width; j++) {
                firstPattern.push_back(static_cast<int>(patterns.size()));
                for (int m = first; m < std::min(first + length, count); m++)
                    if (isHigh(m, j)) patterns.push_back(m);
            }
        firstPattern.push_back(static_cast<int>(patterns.size()));
    }
};

template <class Real>
class EngineOf : public Engine {
public:
    EngineOf(std::shared_ptr<const NetworkData> network, const Kernels& chosen)
        : data(std::move(network)), kernels(chosen.in<Real>()), places(*data) {
        shape = {
            data->depth(),       data->patterns,        data->widths.data(),  data->gains.data(),
            data->energy,        data->activation,      data->bias,           data->walls,
            places.spins.data(), places.weights.data(), places.biases.data(), places.firstWeight,
            places.parameters};
        block.plane = places.parameters - places.firstWeight;
        prepare_patterns();
        prepare_block();
        prepare_chunks();
        prepare_stretches();
    }

    void evaluate(const double* positions, double* forces, const Couplings& couplings,
                  Threads& threads, std::vector<double>& terms) override {
        terms.resize(static_cast<size_t>(data->replicas) * data->terms());
        while (static_cast<int>(panels.size()) < threads.count())
            panels.emplace_back(kernels.panelNumbers(shape, patterns.length));
        for (int b = 0; b < data->replicas / 3; b++) {
            const long first = 3 * places.parameters * b;
            block.coordinates = positions + first;
            sum_patterns(threads);
            double factors[3] = {};
            for (int c = 0; c < 3; c++) factors[c] = couplings.replicas[3 * b + c];
            finish_terms(3 * b, terms);
            for (size_t k = 0; k < scale.size(); k++) scale[k] *= factors[k % 3];
            if (forces) add_forces(threads, couplings.decay, forces + first);
        }
    }

private:
    /** A stretch of one layer's spins (coordinates) or weights (from the first weight). */
    struct Stretch {
        int layer;
        long first, last;
    };

    static void split(int layer, long first, long size, long most,
                      std::vector<Stretch>& stretches) {
        for (long k = 0; k < size; k += most)
            stretches.push_back({layer, first + k, first + std::min(k + most, size)});
    }

    std::shared_ptr<const NetworkData> data;
    const EnergyKernels<Real>& kernels;
    Places places;
    Network shape{};
    Patterns<Real> patterns{};
    Block<Real> block{};
    std::unique_ptr<Lists> lists;
    Aligned<Real> inputs, targets, weights, columns, base, bySpin, byField, rows, byFirst;
    std::vector<Aligned<Real>> panels, gradients, listScratch;
    std::vector<Chunk<Real>> chunks;
    std::vector<std::vector<double>> sums;
    std::vector<const Real*> each;  // of the gradients
    std::vector<Stretch> spins, weightStretches;
    std::vector<double> total, scale;  // [layer][3]: sums over patterns, factors of derivatives

    long firstWeights() const { return static_cast<long>(data->widths[0]) * data->widths[1]; }

    void prepare_patterns() {
        const int lanes = kernels.lanes;
        // Sums over a tile want it long, and panels should stay in the second cache.
        const long widest = *std::max_element(data->widths.begin() + 1, data->widths.end());
        const long perPattern =
            (data->isLayered() ? 12 : 3) * widest * static_cast<long>(sizeof(Real));
        int length = 16 * lanes;
        while (length > 2 * lanes && perPattern * length > kPanelBytes) length /= 2;
        while (length > lanes && length / 2 >= data->patterns) length /= 2;
        patterns.length = length;
        patterns.tiles = (data->patterns + length - 1) / length;
        targets = tiled(data->targets, data->widths.back());
        patterns.targets = targets.get();
        if (data->isLayered()) {
            lists = std::make_unique<Lists>(*data, length);
            if (!lists->exist) lists.reset();
        }
        if (!lists) {
            inputs = tiled(data->inputs, data->widths.front());
            patterns.inputs = inputs.get();
            return;
        }
        patterns.highInputs = lists->inputs.data();
        patterns.firstHighInput = lists->firstInput.data();
        patterns.groups = lists->groups;
        patterns.highPatterns = lists->patterns.data();
        patterns.firstHighPattern = lists->firstPattern.data();
        patterns.low = static_cast<Real>(lists->low);
        patterns.step = static_cast<Real>(lists->high - lists->low);
        patterns.row = (3 * data->widths[1] + lanes - 1) / lanes * lanes;
    }

    /** Patterns [M][width] as tiles [tile][width][length]. */
    Aligned<Real> tiled(const std::vector<double>& numbers, int width) const {
        const size_t length = patterns.length;
        Aligned<Real> tiles(patterns.tiles * length * width);
        for (size_t k = 0; k < numbers.size(); k++) {
            const size_t pattern = k / width, column = k % width;
            tiles.get()[(pattern / length * width + column) * length + pattern % length] =
                static_cast<Real>(numbers[k]);
        }
        return tiles;
    }

    void prepare_block() {
        weights = Aligned<Real>(3 * block.plane);
        bySpin = Aligned<Real>(3 * places.firstWeight);
        byField = Aligned<Real>(3 * places.firstWeight);
        if (lists) {
            columns = Aligned<Real>(static_cast<size_t>(data->widths[0]) * patterns.row);
            base = Aligned<Real>(patterns.row);
            rows = Aligned<Real>(static_cast<size_t>(data->patterns) * patterns.row);
            byFirst = Aligned<Real>(3 * firstWeights());
        }
        block = {nullptr,    weights.get(), block.plane,   columns.get(),
                 base.get(), bySpin.get(),  byField.get(), rows.get()};
    }

    void prepare_chunks() {
        constexpr long most = 16, bytes = 8 << 20;
        patterns.gradientBegin = lists ? firstWeights() : 0;
        const long numbers = 3 * (block.plane - patterns.gradientBegin);
        const long fitting =
            std::max<long>(1, bytes / (numbers * static_cast<long>(sizeof(Real)) + 1));
        const int count =
            static_cast<int>(std::min({most, fitting, static_cast<long>(patterns.tiles)}));
        const int kinds = 3 * (data->isLayered() ? data->depth() : 1);
        for (int k = 0; k < count; k++) {
            gradients.emplace_back(numbers);
            sums.emplace_back(kinds);
            chunks.push_back({static_cast<int>(static_cast<long>(patterns.tiles) * k / count),
                              static_cast<int>(static_cast<long>(patterns.tiles) * (k + 1) / count),
                              nullptr, gradients.back().get(), nullptr});
        }
        for (int k = 0; k < count; k++) chunks[k].sums = sums[k].data();
        for (const auto& gradient : gradients) each.push_back(gradient.get());
    }

    void prepare_stretches() {
        for (int l = 1; l <= data->depth(); l++) {
            const long width = data->widths[l];
            if (data->isLayered() && l < data->depth())
                split(l, 3 * places.spins[l], 3 * width * data->patterns, 3 * kStretch, spins);
            split(l, places.weights[l] - places.firstWeight, width * data->widths[l - 1], kStretch,
                  weightStretches);
            if (data->bias)
                split(l, places.biases[l] - places.firstWeight, width, kStretch, weightStretches);
        }
    }

    void sum_patterns(Threads& threads) {
        const double* coordinates = block.coordinates + 3 * places.firstWeight;
        threads.run(static_cast<int>(weightStretches.size()), [&](int task, int) {
            const Stretch& stretch = weightStretches[task];
            kernels.weightVariables(block, coordinates, data->walls, stretch.first, stretch.last);
        });
        if (lists) kernels.listColumns(shape, patterns, block);
        threads.run(static_cast<int>(chunks.size()), [&](int task, int thread) {
            Chunk<Real> chunk = chunks[task];
            chunk.panels = panels[thread].get();
            kernels.chunk(shape, patterns, block, chunk);
        });
    }

    /** The terms of three replicas, and the factors of their derivatives. */
    void finish_terms(int replica, std::vector<double>& terms) {
        total.assign(sums[0].size(), 0.0);
        for (const auto& chunk : sums)
            for (size_t k = 0; k < total.size(); k++) total[k] += chunk[k];
        const int count = data->terms();
        if (!data->isLayered()) {
            double squares[3];
            kernels.weightSquares(block, squares);
            for (int c = 0; c < 3; c++) {
                terms[(replica + c) * count] = total[c] / data->patterns;
                terms[(replica + c) * count + 1] = 0.5 * data->weightDecay * squares[c];
            }
            scale.assign(3 * data->depth(), 1.0 / data->patterns);
            return;
        }
        scale.assign(total.size(), 1.0);
        for (size_t k = 0; k < total.size(); k++) {
            double energy = total[k];
            if (data->energy == NetworkForce::Squared) energy *= 0.5;
            if (data->energy == NetworkForce::Norm) {
                energy = std::sqrt(energy);
                scale[k] = energy == 0 ? 0 : 1 / energy;
            }
            terms[(replica + k % 3) * count + k / 3] = energy;
        }
    }

    void add_forces(Threads& threads, double decayCoupling, double* forces) {
        const int ranges = lists ? 4 * threads.count() : 0;
        const int inputCount = data->widths[0];
        while (lists && static_cast<int>(listScratch.size()) < threads.count())
            listScratch.emplace_back(patterns.row);
        threads.run(ranges + static_cast<int>(spins.size()), [&](int task, int thread) {
            if (task < ranges) {
                kernels.listGradient(shape, patterns, block, inputCount * task / ranges,
                                     inputCount * (task + 1) / ranges, listScratch[thread].get(),
                                     byFirst.get());
                return;
            }
            const Stretch& stretch = spins[task - ranges];
            kernels.spinForces(block, &scale[3 * (stretch.layer - 1)], &scale[3 * stretch.layer],
                               stretch.first, stretch.last, forces);
        });
        const Real* first = byFirst.get();
        const Gradients<Real> byFirstWeights{&first, 1, 0, patterns.gradientBegin};
        const Gradients<Real> byOthers{each.data(), static_cast<int>(each.size()),
                                       patterns.gradientBegin,
                                       block.plane - patterns.gradientBegin};
        const double* coordinates = block.coordinates + 3 * places.firstWeight;
        double* weightForces = forces + 3 * places.firstWeight;
        threads.run(static_cast<int>(weightStretches.size()), [&](int task, int) {
            const Stretch& stretch = weightStretches[task];
            kernels.weightForces(block, coordinates, data->walls,
                                 lists && stretch.layer == 1 ? byFirstWeights : byOthers,
                                 &scale[3 * (stretch.layer - 1)], data->weightDecay * decayCoupling,
                                 stretch.first, stretch.last, weightForces);
        });
    }
};

}  // namespace

std::unique_ptr<Engine> Engine::create(std::shared_ptr<const NetworkData> data,
                                       const Kernels& kernels) {
    if (data->doublePrecision) return std::make_unique<EngineOf<double>>(std::move(data), kernels);
    return std::make_unique<EngineOf<float>>(std::move(data), kernels);
}

}  // namespace ThermalNet
