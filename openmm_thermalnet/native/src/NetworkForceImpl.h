#ifndef THERMALNET_NETWORKFORCEIMPL_H_
#define THERMALNET_NETWORKFORCEIMPL_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "Engine.h"
#include "NetworkForce.h"
#include "openmm/internal/CustomCPPForceImpl.h"

namespace ThermalNet {

/**
 * The energy in one Context.
 *
 * On the Reference and CPU platforms it reads and writes their arrays; on any other, copies of
 * positions and forces travel as OpenMM's CustomCPPForceImpl has it.
 */
class NetworkForceImpl : public OpenMM::CustomCPPForceImpl {
public:
    NetworkForceImpl(const NetworkForce& owner, std::shared_ptr<const NetworkData> data);
    ~NetworkForceImpl() override;
    void initialize(OpenMM::ContextImpl& context) override;
    const NetworkForce& getOwner() const override;
    double calcForcesAndEnergy(OpenMM::ContextImpl& context, bool includeForces, bool includeEnergy,
                               int groups) override;
    double computeForce(OpenMM::ContextImpl& context, const std::vector<OpenMM::Vec3>& positions,
                        std::vector<OpenMM::Vec3>& forces) override;
    std::map<std::string, double> getDefaultParameters() override;
    /** The terms of the energies, [replica][term]; computed only if they are not known. */
    std::vector<double> getEnergyTerms(OpenMM::ContextImpl& context);

private:
    double evaluate(OpenMM::ContextImpl& context, const double* positions, double* forces,
                    Threads& threads);
    void readCouplings(const std::map<std::string, double>& parameters);
    bool onHost(OpenMM::ContextImpl& context) const;

    const NetworkForce& owner;
    std::shared_ptr<const NetworkData> data;
    std::unique_ptr<Engine> engine;
    std::vector<std::string> couplingNames;
    std::vector<std::pair<std::string, int>> sortedCouplings;
    std::vector<double> terms;
    double common = 1;
    Couplings couplings;
    uint64_t known;  // a hash of the positions whose terms are known; 0 for none
};

}  // namespace ThermalNet

#endif
