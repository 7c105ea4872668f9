#ifndef THERMALNET_CPU_STEPS_H_
#define THERMALNET_CPU_STEPS_H_

#include <memory>

#include "Noise.h"
#include "openmm/BrownianIntegrator.h"
#include "openmm/LangevinMiddleIntegrator.h"
#include "openmm/kernels.h"
#include "table.h"

namespace ThermalNet {

/** An integrator's step in one pass over the arrays of the CPU platform. */
template <class Kernel, class Integrator>
class CpuStep : public Kernel {
public:
    CpuStep(const std::string& name, const OpenMM::Platform& platform);
    void initialize(const OpenMM::System& system, const Integrator& integrator) override;
    void execute(OpenMM::ContextImpl& context, const Integrator& integrator) override;
    double computeKineticEnergy(OpenMM::ContextImpl& context,
                                const Integrator& integrator) override;

private:
    const Kernels* kernels;
    std::unique_ptr<Noise> noise;
    double mass = 1;
};

using CpuLangevinStep =
    CpuStep<OpenMM::IntegrateLangevinMiddleStepKernel, OpenMM::LangevinMiddleIntegrator>;
using CpuBrownianStep = CpuStep<OpenMM::IntegrateBrownianStepKernel, OpenMM::BrownianIntegrator>;

}  // namespace ThermalNet

#endif
