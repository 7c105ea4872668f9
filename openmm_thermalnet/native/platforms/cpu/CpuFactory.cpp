#include "CpuFactory.h"

#include <map>
#include <string>

#include "CpuSteps.h"
#include "NetworkForce.h"
#include "openmm/AndersenThermostat.h"
#include "openmm/CMMotionRemover.h"
#include "openmm/Platform.h"
#include "openmm/System.h"
#include "openmm/internal/ContextImpl.h"

using namespace OpenMM;

namespace ThermalNet {

namespace {

// OpenMM has no way to ask which factory makes a kernel, and strangers' Contexts must go where they
// went before. An explicit instantiation may name a private member (C++17, 17.7.2).
using Factories = std::map<std::string, KernelFactory*> Platform::*;
Factories platformFactories();
template <Factories member>
struct Access {
    friend Factories platformFactories() { return member; }
};
template struct Access<&Platform::kernelFactories>;

/** Whether a System is a network, and nothing that one pass over all particles does not do. */
bool isNetwork(const System& system) {
    bool found = false;
    for (int i = 0; i < system.getNumForces(); i++)
        if (const auto* force = dynamic_cast<const NetworkForce*>(&system.getForce(i))) {
            if (force->getStockSteps()) return false;
            found = true;
        }
    if (!found || system.getNumConstraints() > 0) return false;
    const double mass = system.getParticleMass(0);
    for (int i = 0; i < system.getNumParticles(); i++)
        if (system.getParticleMass(i) != mass || system.isVirtualSite(i)) return false;
    return mass > 0;
}

/** Whether no force of a System reads the copies that the CPU platform makes of positions. */
bool isAlone(const System& system) {
    for (int i = 0; i < system.getNumForces(); i++) {
        const Force* force = &system.getForce(i);
        if (!dynamic_cast<const NetworkForce*>(force) &&
            !dynamic_cast<const AndersenThermostat*>(force) &&
            !dynamic_cast<const CMMotionRemover*>(force))
            return false;
    }
    return true;
}

}  // namespace

CpuFactory::CpuFactory(KernelFactory* before) : earlier(before) {}

KernelImpl* CpuFactory::createKernelImpl(std::string name, const Platform& platform,
                                         ContextImpl& context) const {
    if (!bestKernels() || !isNetwork(context.getSystem()))
        return earlier->createKernelImpl(name, platform, context);
    if (name == CalcForcesAndEnergyKernel::Name())
        // The CPU platform's copies of positions and sums over copies of forces are for its own.
        return (isAlone(context.getSystem()) ? &reference : earlier)
            ->createKernelImpl(name, platform, context);
    if (name == IntegrateBrownianStepKernel::Name()) return new CpuBrownianStep(name, platform);
    return new CpuLangevinStep(name, platform);
}

void registerCpuFactory() {
    Platform* cpu = nullptr;
    for (int i = 0; i < Platform::getNumPlatforms(); i++)
        if (Platform::getPlatform(i).getName() == "CPU") cpu = &Platform::getPlatform(i);
    if (!cpu) return;
    auto& factories = cpu->*platformFactories();
    for (const std::string& name :
         {CalcForcesAndEnergyKernel::Name(), IntegrateLangevinMiddleStepKernel::Name(),
          IntegrateBrownianStepKernel::Name()}) {
        const auto found = factories.find(name);
        if (found == factories.end() || dynamic_cast<CpuFactory*>(found->second)) continue;
        cpu->registerKernelFactory(name, new CpuFactory(found->second));
    }
}

}  // namespace ThermalNet
