#include "NetworkForceImpl.h"

#include <algorithm>
#include <cmath>
#include <sstream>

#include "Hash.h"
#include "Host.h"
#include "NetworkData.h"
#include "Parameters.h"
#include "openmm/OpenMMException.h"
#include "openmm/Platform.h"
#include "openmm/System.h"
#include "openmm/cpu/CpuPlatform.h"

using namespace OpenMM;

namespace ThermalNet {

NetworkForceImpl::NetworkForceImpl(const NetworkForce& force,
                                   std::shared_ptr<const NetworkData> network)
    : CustomCPPForceImpl(force), owner(force), data(std::move(network)), known(0) {
    for (int r = 0; r < data->replicas; r++) {
        couplingNames.push_back(replicaCoupling(r));
        sortedCouplings.emplace_back(couplingNames.back(), r);
    }
    std::sort(sortedCouplings.begin(), sortedCouplings.end());
}

NetworkForceImpl::~NetworkForceImpl() = default;

const NetworkForce& NetworkForceImpl::getOwner() const { return owner; }

void NetworkForceImpl::initialize(ContextImpl& context) {
    const long needed = data->parameters() * (data->replicas / 3);
    if (context.getSystem().getNumParticles() != needed) {
        std::ostringstream text;
        text << "NetworkForce: the System has " << context.getSystem().getNumParticles()
             << " particles; give it " << needed << ", one for each of " << data->parameters()
             << " parameters in each of " << data->replicas / 3 << " blocks";
        throw OpenMMException(text.str());
    }
    const Kernels* kernels = bestKernels();
    if (!kernels)
        throw OpenMMException(
            "NetworkForce: this machine has none of the instruction sets that it was compiled for; "
            "unset THERMALNET_INSTRUCTION_SET, or use the force of another name");
    engine = Engine::create(data, *kernels);
    if (!onHost(context)) CustomCPPForceImpl::initialize(context);
}

bool NetworkForceImpl::onHost(ContextImpl& context) const {
    const std::string& name = context.getPlatform().getName();
    return name == "CPU" || name == "Reference";
}

std::map<std::string, double> NetworkForceImpl::getDefaultParameters() {
    std::map<std::string, double> parameters{
        {kCoupling, 1.0}, {kDecayCoupling, 1.0}, {kNoiseKey, 0.0}, {kNoiseCounter, 0.0}};
    for (const std::string& name : couplingNames) parameters[name] = 1.0;
    return parameters;
}

void NetworkForceImpl::readCouplings(const std::map<std::string, double>& parameters) {
    const auto finite = [](const std::string& name, double value) {
        if (!std::isfinite(value)) {
            std::ostringstream text;
            text << "NetworkForce: the parameter " << name << " is " << value
                 << "; give a finite number";
            throw OpenMMException(text.str());
        }
        return value;
    };
    common = finite(kCoupling, parameters.at(kCoupling));
    couplings.decay = finite(kDecayCoupling, parameters.at(kDecayCoupling));
    couplings.replicas.resize(couplingNames.size());
    // Both are in the order of names: one walk, not a search for each replica.
    auto entry = parameters.lower_bound(sortedCouplings.front().first);
    for (const auto& [name, replica] : sortedCouplings) {
        while (entry->first != name) ++entry;
        couplings.replicas[replica] = common * finite(name, entry->second);
    }
}

double NetworkForceImpl::evaluate(ContextImpl& context, const double* positions, double* forces,
                                  Threads& threads) {
    readCouplings(context.getParameters());
    known = 0;
    engine->evaluate(positions, forces, couplings, threads, terms);
    const int count = data->terms(), coupled = data->isLayered() ? count : 1;
    double energy = 0;
    for (int r = 0; r < data->replicas; r++) {
        const double* each = &terms[static_cast<size_t>(r) * count];
        double own = 0;
        for (int k = 0; k < coupled; k++) own += each[k];
        energy += couplings.replicas[r] * own;
        if (!data->isLayered()) energy += couplings.decay * each[1];
    }
    return energy;
}

double NetworkForceImpl::calcForcesAndEnergy(ContextImpl& context, bool includeForces,
                                             bool includeEnergy, int groups) {
    if (!((groups >> owner.getForceGroup()) & 1)) return 0;
    if (!onHost(context))
        return CustomCPPForceImpl::calcForcesAndEnergy(context, includeForces, includeEnergy,
                                                       groups);
    auto& host = hostData(context);
    const double* positions = numbers(*host.positions);
    Threads alone;
    PoolThreads pool(context.getPlatform().getName() == "CPU"
                         ? CpuPlatform::getPlatformData(context).threads
                         : host.threads);
    Threads& threads =
        context.getPlatform().getName() == "CPU" ? static_cast<Threads&>(pool) : alone;
    double* forces = includeForces ? numbers(*host.forces) : nullptr;
    const double energy = evaluate(context, positions, forces, threads);
    if (includeEnergy) {
        known = hashed(positions, 3 * host.positions->size());
        if (data->couplingDerivatives)
            for (int r = 0; r < data->replicas; r++) {
                double own = 0;
                for (int k = 0; k < (data->isLayered() ? data->terms() : 1); k++)
                    own += terms[static_cast<size_t>(r) * data->terms() + k];
                (*host.energyParameterDerivatives)[couplingNames[r]] += common * own;
            }
    }
    return includeEnergy ? energy : 0;
}

double NetworkForceImpl::computeForce(ContextImpl& context, const std::vector<Vec3>& positions,
                                      std::vector<Vec3>& forces) {
    Threads alone;
    const double* from = reinterpret_cast<const double*>(positions.data());
    for (Vec3& force : forces) force = Vec3();
    const double energy = evaluate(context, from, numbers(forces), alone);
    known = hashed(from, 3 * positions.size());
    return energy;
}

std::vector<double> NetworkForceImpl::getEnergyTerms(ContextImpl& context) {
    if (onHost(context)) {
        auto& positions = *hostData(context).positions;
        if (!known || known != hashed(numbers(positions), 3 * positions.size()))
            context.calcForcesAndEnergy(false, true, 1 << owner.getForceGroup());
        return terms;
    }
    std::vector<Vec3> positions;
    context.getPositions(positions);
    if (!known || known != hashed(numbers(positions), 3 * positions.size()))
        context.calcForcesAndEnergy(false, true, 1 << owner.getForceGroup());
    return terms;
}

}  // namespace ThermalNet
