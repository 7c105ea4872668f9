#ifndef THERMALNET_CPU_STEPS_H_
#define THERMALNET_CPU_STEPS_H_

#include <memory>

#include "Noise.h"
#include "openmm/BrownianIntegrator.h"
#include "openmm/LangevinMiddleIntegrator.h"
#include "openmm/kernels.h"
#include "table.h"

namespace ThermalNet {

/** LangevinMiddleIntegrator's step in one pass over the arrays of the CPU platform. */
class CpuLangevinStep : public OpenMM::IntegrateLangevinMiddleStepKernel {
public:
    CpuLangevinStep(const std::string& name, const OpenMM::Platform& platform);
    void initialize(const OpenMM::System& system,
                    const OpenMM::LangevinMiddleIntegrator& integrator) override;
    void execute(OpenMM::ContextImpl& context,
                 const OpenMM::LangevinMiddleIntegrator& integrator) override;
    double computeKineticEnergy(OpenMM::ContextImpl& context,
                                const OpenMM::LangevinMiddleIntegrator& integrator) override;

private:
    const Kernels* kernels;
    std::unique_ptr<Noise> noise;
    double mass = 1;
};

/** BrownianIntegrator's step alike. */
class CpuBrownianStep : public OpenMM::IntegrateBrownianStepKernel {
public:
    CpuBrownianStep(const std::string& name, const OpenMM::Platform& platform);
    void initialize(const OpenMM::System& system,
                    const OpenMM::BrownianIntegrator& integrator) override;
    void execute(OpenMM::ContextImpl& context,
                 const OpenMM::BrownianIntegrator& integrator) override;
    double computeKineticEnergy(OpenMM::ContextImpl& context,
                                const OpenMM::BrownianIntegrator& integrator) override;

private:
    const Kernels* kernels;
    std::unique_ptr<Noise> noise;
    double mass = 1;
};

}  // namespace ThermalNet

#endif
