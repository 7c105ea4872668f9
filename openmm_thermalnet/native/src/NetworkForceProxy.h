#ifndef THERMALNET_NETWORKFORCEPROXY_H_
#define THERMALNET_NETWORKFORCEPROXY_H_

#include "openmm/serialization/SerializationProxy.h"

namespace ThermalNet {

/** A NetworkForce as plain data: numbers, and arrays in base64 with a checksum. */
class NetworkForceProxy : public OpenMM::SerializationProxy {
public:
    NetworkForceProxy();
    void serialize(const void* object, OpenMM::SerializationNode& node) const override;
    void* deserialize(const OpenMM::SerializationNode& node) const override;
};

}  // namespace ThermalNet

#endif
