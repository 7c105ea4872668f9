// What OpenMM calls when it loads the plugin.

#include "CpuFactory.h"
#include "NetworkForce.h"
#include "NetworkForceProxy.h"

using namespace ThermalNet;

extern "C" __attribute__((visibility("default"))) void registerPlatforms() {}

extern "C" __attribute__((visibility("default"))) void registerKernelFactories() {
    static const bool once = [] {
        OpenMM::SerializationProxy::registerProxy(typeid(NetworkForce), new NetworkForceProxy());
        registerCpuFactory();
        return true;
    }();
    (void)once;
}
