#ifndef THERMALNET_CPU_FACTORY_H_
#define THERMALNET_CPU_FACTORY_H_

#include "ReferenceKernelFactory.h"

namespace ThermalNet {

/**
 * Makes the steps for Contexts of networks, and hands all others to the factory that was there.
 */
class CpuFactory : public OpenMM::KernelFactory {
public:
    explicit CpuFactory(OpenMM::KernelFactory* earlier);
    OpenMM::KernelImpl* createKernelImpl(std::string name, const OpenMM::Platform& platform,
                                         OpenMM::ContextImpl& context) const override;

private:
    OpenMM::KernelFactory* earlier;  // the platform's
    mutable OpenMM::ReferenceKernelFactory reference;
};

/** Put a CpuFactory before what the CPU platform has for the steps, unless it is there. */
void registerCpuFactory();

}  // namespace ThermalNet

#endif
