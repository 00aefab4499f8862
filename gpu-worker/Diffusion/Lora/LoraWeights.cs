using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Training;
using LLaDA.Diffusion.Training.Bounds;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Lora;

/// <summary>
/// LoRA: the network's own weights are frozen, in float32 or bfloat16, and adapters beside its projections are trained in float32.
/// </summary>
/// <remarks>Disposing it takes the adapters off; what was merged stays merged.</remarks>
public sealed class LoraWeights : IAdapter
{
    private readonly List<Target> _targets = [];
    private readonly AdapterConfig _config;

    /// <param name="model">Predicts as before until the adapters are trained.</param>
    /// <exception cref="ArgumentException">Options out of range, or targets that the model does not have.</exception>
    /// <exception cref="InvalidOperationException">The model has adapters already, or weights in 8 bits.</exception>
    public LoraWeights(MaskPredictor model, LoraOptions options)
    {
        Model = model;
        WeightTypes.RequireTrainable(model.WeightType);
        var paths = options.Projections(model.Config);
        var projections = model.Projections;
        if (projections.Values.Any(projection => projection.Adapter is not null))
            throw new InvalidOperationException("The model has adapters already: take them off first");

        _config = new AdapterConfig(
            options.Rank, options.Alpha,
            [.. paths.SelectMany(path => AdapterNames.Modules(model.Config.Family.Naming, path, projections[path].Weight.shape))],
            options.BaseModel);
        foreach (var parameter in model.parameters())
            parameter.requires_grad = false;
        using var random = new Generator((ulong)options.Seed);
        foreach (string path in paths)
        {
            var projection = projections[path];
            projection.Adapter = new LowRankAdapter(projection.Weight, options.Rank, _config.Scale, random);
            _targets.Add(new Target(path, projection, projection.Adapter));
        }
        Parameters = [.. _targets.SelectMany(target =>
            new[] { ($"{target.Path}.lora_A", target.Adapter.A), ($"{target.Path}.lora_B", target.Adapter.B) })];
    }

    public MaskPredictor Model { get; }

    public IReadOnlyList<(string Name, Parameter Parameter)> Parameters { get; }

    /// <summary>The projections with their adapters.</summary>
    internal IEnumerable<(AdaptedWeight Projection, LowRankAdapter Adapter)> Targets =>
        _targets.Select(target => (target.Projection, target.Adapter));

    public bool IsMerged { get; private set; }

    /// <summary>
    /// Adds the adapters to the weights, so that predicting costs no more than without them. <see cref="Unmerge"/> needs the original
    /// weights, which are kept in as much memory again.
    /// </summary>
    public void Merge()
    {
        if (IsMerged)
            return;
        using var noGradient = no_grad();
        foreach (var target in _targets)
        {
            target.Original = target.Projection.Weight.clone().DetachFromDisposeScope();
            target.Adapter.MergeInto(target.Projection.Weight);
            target.Projection.Adapter = null;
        }
        IsMerged = true;
    }

    /// <summary>Restores the original weights, to the bit, with the adapters beside them.</summary>
    public void Unmerge()
    {
        if (!IsMerged)
            return;
        using var noGradient = no_grad();
        foreach (var target in _targets)
        {
            target.Projection.Weight.copy_(target.Original!);
            target.Projection.Adapter = target.Adapter;
            target.Forget();
        }
        IsMerged = false;
    }

    public IReferenceModel NewReference() => new LoraReference(this);

    /// <summary>Writes the adapters alone, in PEFT's layout.</summary>
    public void Save(string folder) =>
        AdapterFiles.Write(
            folder, Model.Config.Family.Naming, _config,
            _targets.Select(target => (target.Path, (Tensor)target.Adapter.A, (Tensor)target.Adapter.B)));

    /// <summary>Reads adapters of the same rank, alpha and targets.</summary>
    public void Load(string folder)
    {
        if (IsMerged)
            throw new InvalidOperationException("The adapters are merged: unmerge them before others are loaded");
        using var files = new AdapterFiles(folder);
        var matched = files.Match(Model);
        var config = files.Config;
        bool hasTargets = matched.Keys.ToHashSet().SetEquals(_targets.Select(target => target.Path));
        if (config.Rank != _config.Rank || config.Scale != _config.Scale || !hasTargets)
        {
            throw new CheckpointException(
                folder,
                $"holds an adapter of rank {config.Rank} and alpha {config.Alpha} beside {matched.Count} projections; "
                + $"this one has rank {_config.Rank} and alpha {_config.Alpha} beside {_targets.Count}");
        }
        if (config.BaseModel != _config.BaseModel)
        {
            string other = config.BaseModel ?? "another model";
            throw new CheckpointException(folder, $"holds an adapter of {other}; this one belongs to {_config.BaseModel ?? "another"}");
        }
        foreach (var target in _targets)
        {
            files.CopyTo(matched[target.Path], target.Adapter.A, target.Adapter.B);
        }
    }

    public void Dispose()
    {
        foreach (var target in _targets)
        {
            target.Projection.Adapter = null;
            target.Forget();
            target.Adapter.Dispose();
        }
        _targets.Clear();
        foreach (var parameter in Model.parameters())
            parameter.requires_grad = true;
    }

    private sealed record Target(string Path, AdaptedWeight Projection, LowRankAdapter Adapter)
    {
        /// <summary>The weight before the merge; null where nothing is merged.</summary>
        public Tensor? Original { get; set; }

        public void Forget()
        {
            Original?.Dispose();
            Original = null;
        }
    }
}
