#include "CpuSteps.h"

#include <algorithm>
#include <cmath>

#include "Host.h"
#include "openmm/System.h"
#include "openmm/cpu/CpuPlatform.h"

using namespace OpenMM;

namespace ThermalNet {

namespace {

constexpr double kBoltzmann = 1.380649e-23 * 6.02214076e23 / 1000;  // OpenMM's BOLTZ, kJ/mol/K

/** Let all threads of a Context take their stretches of a step. */
void step(ContextImpl& context, Noise& noise, double timestep, StepTask task,
          void (*kernel)(const StepTask&)) {
    auto& host = hostData(context);
    task.positions = numbers(*host.positions);
    task.velocities = numbers(*host.velocities);
    task.forces = numbers(*host.forces);
    noise.next(context, task.key, task.counter);
    const long count = 3 * static_cast<long>(host.positions->size());
    const long blocks = (count + kNoiseBlock - 1) / kNoiseBlock;
    PoolThreads threads(CpuPlatform::getPlatformData(context).threads);
    const int stretches = threads.count();
    threads.run(stretches, [&](int part, int) {
        StepTask mine = task;
        mine.first = blocks * part / stretches * kNoiseBlock;
        mine.last = std::min(count, blocks * (part + 1) / stretches * kNoiseBlock);
        kernel(mine);
    });
    host.time += timestep;
    host.stepCount++;
}

double kinetic(ContextImpl& context, double mass) {
    auto& velocities = *hostData(context).velocities;
    double sum = 0;
    for (const Vec3& v : velocities) sum += v.dot(v);
    return 0.5 * mass * sum;
}

}  // namespace

CpuLangevinStep::CpuLangevinStep(const std::string& name, const Platform& platform)
    : IntegrateLangevinMiddleStepKernel(name, platform), kernels(bestKernels()) {}

void CpuLangevinStep::initialize(const System& system, const LangevinMiddleIntegrator& integrator) {
    mass = system.getParticleMass(0);
    noise = std::make_unique<Noise>(integrator.getRandomNumberSeed());
}

void CpuLangevinStep::execute(ContextImpl& context, const LangevinMiddleIntegrator& integrator) {
    const double timestep = integrator.getStepSize();
    const double kept = std::exp(-integrator.getFriction() * timestep);
    StepTask task{};
    task.positionScale = 0.5 * timestep;
    task.forceScale = timestep / mass;
    task.velocityScale = kept;
    task.noiseScale =
        std::sqrt((1 - kept * kept) * kBoltzmann * integrator.getTemperature() / mass);
    step(context, *noise, timestep, task, kernels->langevinStep);
}

double CpuLangevinStep::computeKineticEnergy(ContextImpl& context,
                                             const LangevinMiddleIntegrator&) {
    return kinetic(context, mass);
}

CpuBrownianStep::CpuBrownianStep(const std::string& name, const Platform& platform)
    : IntegrateBrownianStepKernel(name, platform), kernels(bestKernels()) {}

void CpuBrownianStep::initialize(const System& system, const BrownianIntegrator& integrator) {
    mass = system.getParticleMass(0);
    noise = std::make_unique<Noise>(integrator.getRandomNumberSeed());
}

void CpuBrownianStep::execute(ContextImpl& context, const BrownianIntegrator& integrator) {
    const double timestep = integrator.getStepSize();
    const double mobility = timestep / (mass * integrator.getFriction());
    StepTask task{};
    task.forceScale = mobility;
    task.velocityScale = 1 / timestep;
    task.noiseScale = std::sqrt(2 * kBoltzmann * integrator.getTemperature() * mobility);
    step(context, *noise, timestep, task, kernels->brownianStep);
}

double CpuBrownianStep::computeKineticEnergy(ContextImpl& context, const BrownianIntegrator&) {
    return kinetic(context, mass);
}

}  // namespace ThermalNet
