#include <doctest/doctest.h>

#include "numbers.h"
#include "step.h"

namespace ThermalNet {
namespace THERMALNET_ISA {
namespace {

struct Particles {
    std::vector<double> x, v, f;

    explicit Particles(long count)
        : x(random_numbers<double>(count, 18)),
          v(random_numbers<double>(count, 19)),
          f(random_numbers<double>(count, 20)) {}
    StepTask task(long first, long last) {
        StepTask task{};
        task.positions = x.data();
        task.velocities = v.data();
        task.forces = f.data();
        task.first = first;
        task.last = last;
        task.positionScale = 0.005;
        task.forceScale = 0.01;
        task.velocityScale = 0.9;
        task.noiseScale = 0.3;
        task.key = 77;
        task.counter = 3;
        return task;
    }
};

std::vector<double> noise_of(long count) {
    std::vector<double> all;
    float noise[kNoiseBlock];
    for (uint64_t block = 0; static_cast<long>(all.size()) < count; block++) {
        normal_numbers<kNoiseBlock / 4>(77, 3, block, noise);
        all.insert(all.end(), noise, noise + kNoiseBlock);
    }
    return all;
}

TEST_CASE("a Langevin step is that of LangevinMiddleIntegrator") {
    const long count = 2 * kNoiseBlock + 3;
    Particles before(count), after(count);
    langevin_step(after.task(0, count));
    const auto noise = noise_of(count);
    for (long i = 0; i < count; i++) {
        const double kicked = before.v[i] + 0.01 * before.f[i];
        const double v = 0.9 * kicked + 0.3 * noise[i];
        CHECK(after.v[i] == doctest::Approx(v).epsilon(1e-14));
        CHECK(after.x[i] == doctest::Approx(before.x[i] + 0.005 * (kicked + v)).epsilon(1e-14));
    }
}

TEST_CASE("a Brownian step moves by force and noise") {
    const long count = kNoiseBlock + 1;
    Particles before(count), after(count);
    brownian_step(after.task(0, count));
    const auto noise = noise_of(count);
    for (long i = 0; i < count; i++) {
        const double moved = 0.01 * before.f[i] + 0.3 * noise[i];
        CHECK(after.x[i] == doctest::Approx(before.x[i] + moved).epsilon(1e-14));
        CHECK(after.v[i] == doctest::Approx(0.9 * moved).epsilon(1e-14));
    }
}

TEST_CASE("stretches of any number of threads give the same bits") {
    const long count = 5 * kNoiseBlock + 7;
    for (auto step : {langevin_step, brownian_step}) {
        Particles whole(count), parts(count);
        step(whole.task(0, count));
        step(parts.task(3 * kNoiseBlock, count));
        step(parts.task(0, kNoiseBlock));
        step(parts.task(kNoiseBlock, 3 * kNoiseBlock));
        CHECK(whole.x == parts.x);
        CHECK(whole.v == parts.v);
    }
}

}  // namespace
}  // namespace THERMALNET_ISA
}  // namespace ThermalNet
