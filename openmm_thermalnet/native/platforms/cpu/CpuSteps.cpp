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

StepTask make_task(const LangevinMiddleIntegrator& integrator, double mass) {
    const double timestep = integrator.getStepSize();
    const double kept = std::exp(-integrator.getFriction() * timestep);
    StepTask task{};
    task.positionScale = 0.5 * timestep;
    task.forceScale = timestep / mass;
    task.velocityScale = kept;
    task.noiseScale =
        std::sqrt((1 - kept * kept) * kBoltzmann * integrator.getTemperature() / mass);
    return task;
}

StepTask make_task(const BrownianIntegrator& integrator, double mass) {
    const double timestep = integrator.getStepSize();
    const double mobility = timestep / (mass * integrator.getFriction());
    StepTask task{};
    task.forceScale = mobility;
    task.velocityScale = 1 / timestep;
    task.noiseScale = std::sqrt(2 * kBoltzmann * integrator.getTemperature() * mobility);
    return task;
}

using StepKernel = void (*)(const StepTask&);

StepKernel step_kernel(const Kernels& kernels, const LangevinMiddleIntegrator&) {
    return kernels.langevinStep;
}

StepKernel step_kernel(const Kernels& kernels, const BrownianIntegrator&) {
    return kernels.brownianStep;
}

}  // namespace

template <class Kernel, class Integrator>
CpuStep<Kernel, Integrator>::CpuStep(const std::string& name, const Platform& platform)
    : Kernel(name, platform), kernels(bestKernels()) {}

template <class Kernel, class Integrator>
void CpuStep<Kernel, Integrator>::initialize(const System& system, const Integrator& integrator) {
    mass = system.getParticleMass(0);
    noise = std::make_unique<Noise>(integrator.getRandomNumberSeed());
}

template <class Kernel, class Integrator>
void CpuStep<Kernel, Integrator>::execute(ContextImpl& context, const Integrator& integrator) {
    auto& host = hostData(context);
    StepTask task = make_task(integrator, mass);
    task.positions = numbers(*host.positions);
    task.velocities = numbers(*host.velocities);
    task.forces = numbers(*host.forces);
    noise->next(context, task.key, task.counter);
    const long count = 3 * static_cast<long>(host.positions->size());
    const long blocks = (count + kNoiseBlock - 1) / kNoiseBlock;
    PoolThreads threads(CpuPlatform::getPlatformData(context).threads);
    const int stretches = threads.count();
    const StepKernel kernel = step_kernel(*kernels, integrator);
    threads.run(stretches, [&](int part, int) {
        StepTask mine = task;
        mine.first = blocks * part / stretches * kNoiseBlock;
        mine.last = std::min(count, blocks * (part + 1) / stretches * kNoiseBlock);
        kernel(mine);
    });
    host.time += integrator.getStepSize();
    host.stepCount++;
}

template <class Kernel, class Integrator>
double CpuStep<Kernel, Integrator>::computeKineticEnergy(ContextImpl& context, const Integrator&) {
    double sum = 0;
    for (const Vec3& v : *hostData(context).velocities) sum += v.dot(v);
    return 0.5 * mass * sum;
}

template class CpuStep<IntegrateLangevinMiddleStepKernel, LangevinMiddleIntegrator>;
template class CpuStep<IntegrateBrownianStepKernel, BrownianIntegrator>;

}  // namespace ThermalNet
