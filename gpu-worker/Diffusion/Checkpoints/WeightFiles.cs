using System.Text.RegularExpressions;
using LLaDA.Diffusion.Model;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Checkpoints;

/// <summary>How a checkpoint's files hold a network.</summary>
/// <param name="AreExpertsStacked">Whether one tensor holds all experts of a layer.</param>
internal sealed record StoredLayout(IReadOnlyList<StoredTensor> Tensors, bool AreExpertsStacked);

/// <summary>Changes a matrix while it is loaded.</summary>
/// <param name="parameter">Name in <see cref="MaskPredictor"/>.</param>
/// <param name="expert">From 0; 0 where there are none.</param>
/// <param name="matrix">[output width, input width], float32, on the CPU.</param>
/// <returns>The matrix with its change.</returns>
internal delegate Tensor MatrixChange(string parameter, int expert, Tensor matrix);

/// <summary>The weights of a checkpoint folder: model.safetensors or, where there is none, the shards that the index names.</summary>
internal sealed partial class WeightFiles : IDisposable
{
    public const string SingleFile = "model.safetensors";

    private const string Embedding = "wte.weight", Head = "ff_out.weight";
    private const int MaxFaultsListed = 10;

    private static readonly string[] s_expertParts = ["gate_proj", "up_proj", "down_proj"];

    private readonly string _folder;
    private readonly Dictionary<string, SafetensorsFile> _fileOf = [];
    private readonly List<SafetensorsFile> _files = [];

    /// <exception cref="CheckpointException">
    /// No weights, a shard missing, a shard whose tensors are not those of the index, or a single file beside an index of other tensors.
    /// </exception>
    public WeightFiles(string folder)
    {
        _folder = folder;
        string single = Path.Combine(folder, SingleFile), indexPath = Path.Combine(folder, WeightIndex.FileName);
        try
        {
            var index = File.Exists(indexPath) ? WeightIndex.Read(indexPath) : null;
            if (index is null || (File.Exists(single) && !index.Files.Values.Contains(SingleFile)))
                OpenSingle(single, index);
            else
                OpenShards(index);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Finds the layout of the tensors and checks that the files hold every parameter in its shape, and nothing else.</summary>
    /// <remarks>Derived buffers are passed over; a head beside tied weights must equal the embedding.</remarks>
    public StoredLayout Match(LLaDAConfig config)
    {
        var naming = NamingOf(config.Family);
        bool areStacked = AreExpertsStacked(config, naming);
        var shapes = ParameterShapes.Of(config);
        StoredTensor[] tensors = [.. shapes.SelectMany(entry => StoredTensor.Of(entry.Key, entry.Value, naming, areStacked))];
        List<string> faults = [];
        foreach (var tensor in tensors)
            Check(tensor.Name, tensor.Shape, faults);

        var known = tensors.Select(tensor => tensor.Name).ToHashSet();
        string embedding = TensorNames.Of(naming, Embedding), head = TensorNames.Of(naming, Head);
        if (faults.Count == 0 && config.TiesWeights && _fileOf.ContainsKey(head))
        {
            known.Add(head);
            CheckTiedHead(embedding, head, faults);
        }
        faults.AddRange(_fileOf.Keys.Where(name => !known.Contains(name) && !DerivedBuffer().IsMatch(name))
            .Select(name => $"{name} is not a tensor of this model"));
        if (faults.Count == 0)
            return new StoredLayout(tensors, areStacked);
        string more = faults.Count > MaxFaultsListed ? $"; and {faults.Count - MaxFaultsListed} more" : "";
        throw new CheckpointException(_folder, $"does not fit its config.json: {string.Join("; ", faults.Take(MaxFaultsListed))}{more}");
    }

    /// <param name="change">Of matrices that are rounded to 8 bits, before they are; null for none.</param>
    public void CopyTo(StoredTensor stored, Tensor parameter, MatrixChange? change = null)
    {
        using var part = stored.In(parameter);
        if (part.dtype == ScalarType.Int8)
            Quantize(stored, part, change);
        else
            _fileOf[stored.Name].CopyTo(stored.Name, part);
    }

    public void Dispose() => _files.ForEach(file => file.Dispose());

    /// <summary>Expert by expert, since a whole stack would be several times as large as all of it in 8 bits.</summary>
    /// <remarks>It runs on the CPU, since a card may have room for the result alone.</remarks>
    private void Quantize(StoredTensor stored, Tensor part, MatrixChange? change)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        var whole = _fileOf[stored.Name].Read(stored.Name);
        Tensor[] matrices = whole.dim() == 2 ? [whole] : whole.unbind(0);
        Tensor[] targets = whole.dim() == 2 ? [part] : part.unbind(0);
        foreach (var (index, (matrix, target)) in matrices.Zip(targets).Index())
        {
            using var ofMatrix = NewDisposeScope();
            var full = matrix.to(ScalarType.Float32);
            target.copy_(Int8Rows.Quantize(change?.Invoke(stored.Parameter, stored.Expert ?? index, full) ?? full));
        }
    }

    /// <remarks>Copies of LLaDA come in both namings.</remarks>
    private TensorNaming NamingOf(ModelFamily family)
    {
        TensorNaming other = family == ModelFamilies.LLaDA ? TensorNaming.Llama
            : family == ModelFamilies.ILLaDA ? TensorNaming.LLaDA : family.Naming;
        return _fileOf.ContainsKey(TensorNames.Of(other, Embedding)) ? other : family.Naming;
    }

    private bool AreExpertsStacked(LLaDAConfig config, TensorNaming naming)
    {
        if (config.Experts is not { } experts)
            return false;
        string[] stacks = [.. Enumerable.Range(0, config.NumLayers).Where(config.HasExperts).SelectMany(layer =>
            s_expertParts.Select(part => TensorNames.Of(naming, $"blocks.{layer}.moe.experts.{part}")))];
        bool Holds(string name) => _fileOf.ContainsKey(name);
        string? stacked = Array.Find(stacks, Holds);
        string? single = stacks.SelectMany(stack => Enumerable.Range(0, experts.NumExperts)
            .Select(expert => TensorNames.OfExpert(stack, expert))).FirstOrDefault(Holds);
        return stacked is not null && single is not null
            ? throw new CheckpointException(
                _folder, $"holds experts stacked, as {stacked}, and one by one, as {single}: remove one of the two sets")
            : stacked is not null;
    }

    private void Check(string name, long[] shape, List<string> faults)
    {
        if (!_fileOf.TryGetValue(name, out var file))
            faults.Add($"{name} is missing");
        else if (!file.Tensors[name].Shape.AsSpan().SequenceEqual(shape))
            faults.Add($"{file.Tensors[name]} should have shape [{string.Join(", ", shape)}]");
        else if (!SafetensorsTypes.IsFloat(file.Tensors[name].Type))
            faults.Add($"{file.Tensors[name]} should be of a floating-point type");
    }

    private void CheckTiedHead(string embedding, string head, List<string> faults)
    {
        if (!SafetensorsFile.HaveEqualBytes((_fileOf[embedding], embedding), (_fileOf[head], head)))
            faults.Add($"{head} differs from {embedding}, to which config.json ties it");
    }

    private void OpenSingle(string path, WeightIndex? index)
    {
        var file = Open(path, _ => true);
        if (index is null)
            return;
        var differing = file.Tensors.Keys.Except(index.Files.Keys).Concat(index.Files.Keys.Except(file.Tensors.Keys)).ToList();
        if (differing.Count > 0)
        {
            throw new CheckpointException(
                _folder, $"has {SingleFile} and {WeightIndex.FileName}, which disagree about {Listed(differing)}: remove the stale one");
        }
    }

    private void OpenShards(WeightIndex index)
    {
        List<string> faults = [];
        var shards = index.Files.ToLookup(entry => entry.Value, entry => entry.Key);
        foreach (var shard in shards.OrderBy(group => group.Key, StringComparer.Ordinal))
        {
            // A tensor that the index assigns to another shard is superseded there.
            var file = Open(Path.Combine(_folder, shard.Key), name => index.Files.GetValueOrDefault(name, shard.Key) == shard.Key);
            faults.AddRange(file.Tensors.Keys.Except(index.Files.Keys).Concat(shard.Except(file.Tensors.Keys)));
        }
        if (faults.Count > 0)
            throw new CheckpointException(index.Path, $"disagrees with its shards about {Listed(faults)}");
    }

    private SafetensorsFile Open(string path, Func<string, bool> isUsed)
    {
        var file = new SafetensorsFile(path);
        _files.Add(file);
        foreach (string name in file.Tensors.Keys.Where(isUsed))
            _fileOf[name] = file;
        return file;
    }

    private static string Listed(IEnumerable<string> names) =>
        string.Join(", ", names.Distinct().Order(StringComparer.Ordinal).Take(MaxFaultsListed));

    /// <summary>The frequencies of the rotation, which some writers keep beside the weights; they follow from config.json.</summary>
    [GeneratedRegex(
        @"(^|\.)(rotary_emb|rotary_pos_emb|rope)\.(original_)?inv_freq\z", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex DerivedBuffer();
}
