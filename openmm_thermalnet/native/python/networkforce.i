%module(package="openmm_thermalnet.native") networkforce

%import(module="openmm") "swig/OpenMMSwigHeaders.i"

%{
#include "NetworkForce.h"
#include "OpenMM.h"
#include "OpenMMAmoeba.h"
#include "OpenMMDrude.h"
#include "openmm/RPMDIntegrator.h"
#include "openmm/RPMDMonteCarloBarostat.h"

#include <cstring>

using ThermalNet::NetworkForce;

// Numbers of a C-contiguous buffer of doubles, such as a NumPy array of float64.
static bool read_buffer(PyObject* object, std::vector<double>& numbers) {
    Py_buffer view;
    if (PyObject_GetBuffer(object, &view, PyBUF_FORMAT | PyBUF_C_CONTIGUOUS) != 0) return false;
    const bool fits = view.itemsize == sizeof(double) && view.format && std::strcmp(view.format, "d") == 0;
    if (fits) {
        const double* first = static_cast<const double*>(view.buf);
        numbers.assign(first, first + view.len / view.itemsize);
    }
    PyBuffer_Release(&view);
    if (!fits) PyErr_SetString(PyExc_ValueError, "give a contiguous array of float64");
    return fits;
}

static PyObject* write_buffer(const std::vector<double>& numbers) {
    PyObject* bytes = PyByteArray_FromStringAndSize(reinterpret_cast<const char*>(numbers.data()),
                                                    numbers.size() * sizeof(double));
    if (!bytes) return nullptr;
    PyObject* view = PyMemoryView_FromObject(bytes);
    Py_DECREF(bytes);
    if (!view) return nullptr;
    PyObject* cast = PyObject_CallMethod(view, "cast", "s", "d");
    Py_DECREF(view);
    return cast;
}
%}

%exception {
    try {
        $action
    } catch (const std::exception& error) {
        PyObject* module = PyImport_ImportModule("openmm");
        PyObject* kind = module ? PyObject_GetAttrString(module, "OpenMMException") : nullptr;
        PyErr_SetString(kind ? kind : PyExc_RuntimeError, error.what());
        Py_XDECREF(kind);
        Py_XDECREF(module);
        SWIG_fail;
    }
}

%typemap(in) const std::vector<double>& (std::vector<double> numbers) {
    if (!read_buffer($input, numbers)) SWIG_fail;
    $1 = &numbers;
}
%typemap(typecheck, precedence=SWIG_TYPECHECK_DOUBLE_ARRAY) const std::vector<double>& {
    $1 = PyObject_CheckBuffer($input);
}
%typemap(out) const std::vector<double>& { $result = write_buffer(*$1); }
%typemap(out) std::vector<double> { $result = write_buffer($1); }

%typemap(in) const std::vector<int>& (std::vector<int> integers) {
    PyObject* sequence = PySequence_Fast($input, "give a sequence of integers");
    if (!sequence) SWIG_fail;
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(sequence); i++) {
        const long value = PyLong_AsLong(PySequence_Fast_GET_ITEM(sequence, i));
        if (PyErr_Occurred()) {
            Py_DECREF(sequence);
            SWIG_fail;
        }
        integers.push_back(static_cast<int>(value));
    }
    Py_DECREF(sequence);
    $1 = &integers;
}
%typemap(typecheck, precedence=SWIG_TYPECHECK_INT32_ARRAY) const std::vector<int>& {
    $1 = PySequence_Check($input);
}
%typemap(out) const std::vector<int>& {
    $result = PyTuple_New($1->size());
    for (size_t i = 0; i < $1->size(); i++)
        PyTuple_SET_ITEM($result, i, PyLong_FromLong((*$1)[i]));
}
%typemap(out) std::string { $result = PyUnicode_FromStringAndSize($1.data(), $1.size()); }

namespace ThermalNet {

class NetworkForce : public OpenMM::Force {
public:
    enum Energy { Norm = 0, Squared = 1, Softcore = 2, QuadraticHinge = 3, SquaredError = 4 };
    enum Activation { Identity = 0, ReLU = 1, Tanh = 2 };
    NetworkForce(Energy energy, const std::vector<int>& widths, const std::vector<double>& inputs,
                 const std::vector<double>& targets, int replicas);
    Energy getEnergyFunction() const;
    const std::vector<int>& getWidths() const;
    int getNumPatterns() const;
    int getNumReplicas() const;
    int getNumParameters() const;
    int getNumTerms() const;
    const std::vector<double>& getInputs() const;
    const std::vector<double>& getTargets() const;
    const std::vector<double>& getGains() const;
    void setGains(const std::vector<double>& gains);
    bool getWalls() const;
    void setWalls(bool walls);
    Activation getActivation() const;
    void setActivation(Activation activation);
    bool getBias() const;
    void setBias(bool bias);
    double getWeightDecay() const;
    void setWeightDecay(double decay);
    bool getDoublePrecision() const;
    void setDoublePrecision(bool isDouble);
    bool getCouplingDerivatives() const;
    void setCouplingDerivatives(bool derivatives);
    bool getStockSteps() const;
    void setStockSteps(bool stock);
    std::vector<double> getEnergyTerms(OpenMM::Context& context) const;
    static std::string getInstructionSet();

    %extend {
        static bool isinstance(const OpenMM::Force& force) {
            return dynamic_cast<const ThermalNet::NetworkForce*>(&force) != nullptr;
        }
        static ThermalNet::NetworkForce& cast(OpenMM::Force& force) {
            return dynamic_cast<ThermalNet::NetworkForce&>(force);
        }
    }
};

}  // namespace ThermalNet
