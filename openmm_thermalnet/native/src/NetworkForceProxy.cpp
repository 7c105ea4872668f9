#include "NetworkForceProxy.h"

#include <memory>

#include "Arrays.h"
#include "NetworkForce.h"
#include "openmm/OpenMMException.h"
#include "openmm/serialization/SerializationNode.h"

using namespace OpenMM;

namespace ThermalNet {

namespace {
constexpr int kVersion = 1;
}

NetworkForceProxy::NetworkForceProxy() : SerializationProxy("NetworkForce") {}

void NetworkForceProxy::serialize(const void* object, SerializationNode& node) const {
    const NetworkForce& force = *static_cast<const NetworkForce*>(object);
    node.setIntProperty("version", kVersion);
    node.setIntProperty("forceGroup", force.getForceGroup());
    node.setStringProperty("name", force.getName());
    node.setIntProperty("energy", force.getEnergyFunction());
    node.setIntProperty("activation", force.getActivation());
    node.setIntProperty("replicas", force.getNumReplicas());
    node.setBoolProperty("walls", force.getWalls());
    node.setBoolProperty("bias", force.getBias());
    node.setBoolProperty("double", force.getDoublePrecision());
    node.setBoolProperty("couplingDerivatives", force.getCouplingDerivatives());
    node.setBoolProperty("stockSteps", force.getStockSteps());
    node.setDoubleProperty("weightDecay", force.getWeightDecay());
    writeArray(node, "Widths", {force.getWidths().begin(), force.getWidths().end()});
    writeArray(node, "Gains", force.getGains());
    writeArray(node, "Inputs", force.getInputs());
    writeArray(node, "Targets", force.getTargets());
}

void* NetworkForceProxy::deserialize(const SerializationNode& node) const {
    const int version = node.getIntProperty("version");
    if (version != kVersion)
        throw OpenMMException("NetworkForce: this is version " + std::to_string(version) +
                              " of its data, and this program reads version " +
                              std::to_string(kVersion) + "; make the System again");
    const std::vector<double> widths = readArray(node, "Widths");
    auto force = std::make_unique<NetworkForce>(
        static_cast<NetworkForce::Energy>(node.getIntProperty("energy")),
        std::vector<int>(widths.begin(), widths.end()), readArray(node, "Inputs"),
        readArray(node, "Targets"), node.getIntProperty("replicas"));
    force->setForceGroup(node.getIntProperty("forceGroup"));
    force->setName(node.getStringProperty("name"));
    force->setGains(readArray(node, "Gains"));
    force->setActivation(static_cast<NetworkForce::Activation>(node.getIntProperty("activation")));
    force->setWalls(node.getBoolProperty("walls"));
    force->setBias(node.getBoolProperty("bias"));
    force->setDoublePrecision(node.getBoolProperty("double"));
    force->setCouplingDerivatives(node.getBoolProperty("couplingDerivatives"));
    force->setStockSteps(node.getBoolProperty("stockSteps"));
    force->setWeightDecay(node.getDoubleProperty("weightDecay"));
    return force.release();
}

}  // namespace ThermalNet
