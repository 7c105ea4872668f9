#ifndef THERMALNET_NETWORKFORCE_H_
#define THERMALNET_NETWORKFORCE_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "openmm/Context.h"
#include "openmm/Force.h"

namespace ThermalNet {

struct NetworkData;

/**
 * The energy of R independent copies (replicas) of a neural network, whose parameters are the
 * particles of a System.
 *
 * Replica r = 3 b + c is coordinate c of block b. A block has one particle for every parameter: for
 * the layered energies first the spins S_1 ... S_{L-1}, each [pattern][neuron], then the weights
 * J_1 ... J_L, each [neuron][input]; for a feed-forward network the weights J_1 ... J_L and, with
 * setBias(true), the biases B_1 ... B_L.
 *
 * The energy is
 *
 *   coupling sum_r coupling_r H_r + decayCoupling sum_r (lambda / 2) |w_r|^2,
 *
 * with these global parameters of the Context, all 1 by default: "coupling", "coupling_0" ...
 * "coupling_{R-1}" and "decay_coupling". H_r is a sum over layers l of
 *
 *   norm       |S_l - tanh(g_l J_l S_{l-1})|          (arXiv:2506.06789, Eqs. 2 and 3)
 *   squared    |S_l - tanh(g_l J_l S_{l-1})|^2 / 2
 *   softcore   sum of min(0, S_l g_l J_l S_{l-1})^2   (Yoshino, SciPost Phys. Core 2, 005 (2020))
 *
 * or the mean over patterns of a feed-forward network's loss (arXiv:2405.13098). The derivatives of
 * the energy with respect to the couplings of replicas, which are coupling H_r, can be asked for.
 */
class __attribute__((visibility("default"))) NetworkForce : public OpenMM::Force {
public:
    /** What is summed over layers, or over the patterns of a feed-forward network. */
    enum Energy { Norm = 0, Squared = 1, Softcore = 2, QuadraticHinge = 3, SquaredError = 4 };
    /** The function of the hidden neurons of a feed-forward network. */
    enum Activation { Identity = 0, ReLU = 1, Tanh = 2 };
    /**
     * Create a NetworkForce.
     *
     * @param energy    what is summed
     * @param widths    N_0 ... N_L, the neurons of each layer; L is at least 1
     * @param inputs    the input patterns [M][N_0]
     * @param targets   the target patterns [M][N_L]
     * @param replicas  R, a positive multiple of 3
     */
    NetworkForce(Energy energy, const std::vector<int>& widths, const std::vector<double>& inputs,
                 const std::vector<double>& targets, int replicas);
    ~NetworkForce();
    Energy getEnergyFunction() const;
    const std::vector<int>& getWidths() const;
    int getNumPatterns() const;
    int getNumReplicas() const;
    /** Get the number of particles of a block, which is that of the parameters of one network. */
    int getNumParameters() const;
    /** Get the number of terms of the energy of a replica: L for layered energies, else 2. */
    int getNumTerms() const;
    const std::vector<double>& getInputs() const;
    const std::vector<double>& getTargets() const;
    /** Get the gains g_1 ... g_L of the layers; all are 1 by default. */
    const std::vector<double>& getGains() const;
    void setGains(const std::vector<double>& gains);
    /** Get whether coordinates are folded into [-1, 1]; layered energies do so by default. */
    bool getWalls() const;
    void setWalls(bool walls);
    /** Get the function of the hidden neurons of a feed-forward network; by default ReLU. */
    Activation getActivation() const;
    void setActivation(Activation activation);
    /** Get whether the neurons of a feed-forward network have biases; by default they do not. */
    bool getBias() const;
    void setBias(bool bias);
    /** Get lambda of the weight decay (lambda / 2) |w|^2 of a feed-forward network; 0 by default.
     */
    double getWeightDecay() const;
    void setWeightDecay(double decay);
    /** Get whether the energy is evaluated in double precision; by default it is not. */
    bool getDoublePrecision() const;
    void setDoublePrecision(bool isDouble);
    /** Get whether derivatives with respect to the couplings of replicas are computed. */
    bool getCouplingDerivatives() const;
    void setCouplingDerivatives(bool derivatives);
    /**
     * Get whether OpenMM's own steps are taken on the CPU platform. By default a System of nothing
     * but particles of one mass has the engine's, whose noise is a function of the seed and a
     * counter.
     */
    bool getStockSteps() const;
    void setStockSteps(bool stock);
    /**
     * Get the terms of the energies of all replicas, [replica][term], in kJ/mol and without
     * couplings: E_1 ... E_L for layered energies, the loss and the weight decay otherwise. Nothing
     * is computed if the Context has just computed the energy of these positions.
     */
    std::vector<double> getEnergyTerms(OpenMM::Context& context) const;
    /** Get the instruction set of the kernels that are used on this machine. */
    static std::string getInstructionSet();
    bool usesPeriodicBoundaryConditions() const override;

protected:
    OpenMM::ForceImpl* createImpl() const override;

private:
    void change(const std::function<void(NetworkData&)>& apply);
    std::shared_ptr<const NetworkData> data;
};

}  // namespace ThermalNet

#endif
