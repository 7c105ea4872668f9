#include "NetworkForce.h"

#include "NetworkData.h"
#include "NetworkForceImpl.h"
#include "openmm/Context.h"
#include "openmm/OpenMMException.h"
#include "table.h"

using namespace OpenMM;

namespace ThermalNet {

NetworkForce::NetworkForce(Energy energy, const std::vector<int>& widths,
                           const std::vector<double>& inputs, const std::vector<double>& targets,
                           int replicas) {
    auto given = std::make_shared<NetworkData>();
    given->energy = energy;
    given->widths = widths;
    given->inputs = inputs;
    given->targets = targets;
    given->replicas = replicas;
    given->gains.assign(widths.empty() ? 0 : widths.size() - 1, 1.0);
    given->walls = given->isLayered();
    given->patterns =
        widths.empty() || widths[0] < 1 ? 0 : static_cast<int>(inputs.size() / widths[0]);
    given->check();
    data = given;
}

NetworkForce::~NetworkForce() = default;

NetworkForce::Energy NetworkForce::getEnergyFunction() const { return data->energy; }
const std::vector<int>& NetworkForce::getWidths() const { return data->widths; }
int NetworkForce::getNumPatterns() const { return data->patterns; }
int NetworkForce::getNumReplicas() const { return data->replicas; }
int NetworkForce::getNumParameters() const { return static_cast<int>(data->parameters()); }
int NetworkForce::getNumTerms() const { return data->terms(); }
const std::vector<double>& NetworkForce::getInputs() const { return data->inputs; }
const std::vector<double>& NetworkForce::getTargets() const { return data->targets; }
const std::vector<double>& NetworkForce::getGains() const { return data->gains; }
bool NetworkForce::getWalls() const { return data->walls; }
NetworkForce::Activation NetworkForce::getActivation() const { return data->activation; }
bool NetworkForce::getBias() const { return data->bias; }
double NetworkForce::getWeightDecay() const { return data->weightDecay; }
bool NetworkForce::getDoublePrecision() const { return data->doublePrecision; }
bool NetworkForce::getCouplingDerivatives() const { return data->couplingDerivatives; }
bool NetworkForce::getStockSteps() const { return data->stockSteps; }

// A Context keeps the data that it was made with; a change makes new ones.
void NetworkForce::setGains(const std::vector<double>& gains) {
    change([&](NetworkData& changed) { changed.gains = gains; });
}
void NetworkForce::setWalls(bool walls) {
    change([&](NetworkData& changed) { changed.walls = walls; });
}
void NetworkForce::setActivation(Activation activation) {
    change([&](NetworkData& changed) { changed.activation = activation; });
}
void NetworkForce::setBias(bool bias) {
    change([&](NetworkData& changed) { changed.bias = bias; });
}
void NetworkForce::setWeightDecay(double decay) {
    change([&](NetworkData& changed) { changed.weightDecay = decay; });
}
void NetworkForce::setDoublePrecision(bool isDouble) {
    change([&](NetworkData& changed) { changed.doublePrecision = isDouble; });
}
void NetworkForce::setCouplingDerivatives(bool derivatives) {
    change([&](NetworkData& changed) { changed.couplingDerivatives = derivatives; });
}

void NetworkForce::setStockSteps(bool stock) {
    change([&](NetworkData& changed) { changed.stockSteps = stock; });
}

void NetworkForce::change(const std::function<void(NetworkData&)>& apply) {
    auto changed = std::make_shared<NetworkData>(*data);
    apply(*changed);
    changed->check();
    data = changed;
}

std::vector<double> NetworkForce::getEnergyTerms(Context& context) const {
    return dynamic_cast<NetworkForceImpl&>(getImplInContext(context))
        .getEnergyTerms(getContextImpl(context));
}

std::string NetworkForce::getInstructionSet() {
    const Kernels* kernels = bestKernels();
    return kernels ? kernels->name : "";
}

bool NetworkForce::usesPeriodicBoundaryConditions() const { return data->walls; }

ForceImpl* NetworkForce::createImpl() const { return new NetworkForceImpl(*this, data); }

}  // namespace ThermalNet
