using LLaDA.Diffusion.Native;
using TorchSharp.Modules;
using TorchSharp.Utils;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Model;

// Dimensions, in this folder and in all others: B batch, L sequence length, V vocabulary, D model width, H query heads, K key and value
// heads,
// E head width, F feed-forward width, T tokens of a packed pass, P prompt length, G gen length, S denoising steps, M Monte Carlo samples,
// N selected positions.

/// <summary>
/// The network of a masked diffusion model: a Transformer without causal mask that predicts all masked tokens of x_t at once, p(x_0 | x_t).
/// It has no time input, so rows at different noise levels share a forward pass. One network computes all families, by the switches of its
/// configuration.
/// </summary>
/// <remarks>
/// Parameters are named as in GSAI-ML/LLaDA below <c>model.transformer.</c>; experts are <c>blocks.N.moe</c>. Logits are those at a place:
/// <see cref="LLaDAConfig.PlaceOf"/> says which place predicts a position. Weights are float32, bfloat16, float16 or, the matrices of the
/// blocks, int8; the residual stream has the type of the embedding, and float32 beside products in float16.
/// Matrix products run in <see cref="ComputeType"/>. Normalisation, rotation and logits are float32.
/// Not thread-safe, and dispose scopes belong to a thread: use one instance from one thread.
/// </remarks>
public sealed class MaskPredictor : nn.Module<Tensor, Tensor>
{
    [ComponentName(Name = "wte")]
    private readonly Embedding _tokenEmbedding;

    [ComponentName(Name = "blocks")]
    private readonly ModuleList<TransformerBlock> _blocks;

    [ComponentName(Name = "ln_f")]
    private readonly RmsNorm _finalNorm;

    [ComponentName(Name = "ff_out")]
    private readonly Linear? _head;

    private readonly RotaryEmbedding _rotary;

    private (int NumThreads, int Multiple) _rowMultiple;

    private PromptVectors? _prompt;

    /// <summary>
    /// Builds a network whose weights are not set yet: load them (<see cref="Checkpoints.Checkpoint"/>) or draw them (<see
    /// cref="Initialization"/>).
    /// </summary>
    /// <param name="device">Holds the weights and the inputs.</param>
    /// <param name="weightType">
    /// Type of the weights: Float32 to train all of them; to predict also BFloat16, Float16, or Int8, which is that of the matrices of
    /// the blocks, with a scale for each row, while all else has the compute type.
    /// </param>
    /// <param name="computeType">Type of the matrix products: Float32, BFloat16 or Float16.</param>
    public MaskPredictor(
        LLaDAConfig config, Device device, ScalarType weightType = ScalarType.Float32, ScalarType computeType = ScalarType.Float32)
        : base(nameof(MaskPredictor))
    {
        if (config.Validate().ToList() is { Count: > 0 } errors)
            throw new ArgumentException(string.Join("; ", errors), nameof(config));

        using var noGradient = no_grad();
        Config = config;
        Device = device;
        WeightType = weightType;
        ComputeType = computeType;
        var types = WeightTypes.Of(weightType, computeType);
        long? padding = config.Family.FreezesPaddingEmbedding ? config.PadTokenId : null;
        // An embedding draws its weights, which takes seconds for a large vocabulary: so it is made small.
        _tokenEmbedding = nn.Embedding((padding ?? 0) + 1, config.ModelWidth, padding, device: device, dtype: types.Others);
        using (_tokenEmbedding.named_parameters().Single().parameter)
            _tokenEmbedding.weight = new Parameter(empty([config.EmbeddingSize, config.ModelWidth], types.Others, device));
        _blocks = new ModuleList<TransformerBlock>(
        [
            .. Enumerable.Range(0, config.NumLayers)
                .Select(layer => new TransformerBlock(config, layer, types, computeType, device)),
        ]);
        _finalNorm = new RmsNorm(config.ModelWidth, config.RmsNormEpsilon, types.Others, device);
        _head = config.TiesWeights ? null : new Linear(
            config.ModelWidth, config.EmbeddingSize, hasBias: false, types with { Matrices = types.Others }, device);
        _rotary = new RotaryEmbedding(config.RotaryWidth, config.MaxSequenceLength, config.RopeTheta, device);
        RegisterComponents();
    }

    /// <summary>Its shape, the vectors of prompt tuning included.</summary>
    public LLaDAConfig Config { get; private set; }

    public Device Device { get; }

    public ScalarType WeightType { get; }

    public ScalarType ComputeType { get; }

    /// <summary>
    /// All matrices except the embedding and the routers, by path, such as <c>blocks.0.q_proj</c>; experts are one for a layer, such as
    /// <c>blocks.0.moe.experts.gate_proj</c>.
    /// </summary>
    internal IReadOnlyDictionary<string, AdaptedWeight> Projections => named_modules()
        .SelectMany(entry => entry.module switch
        {
            Linear linear => [KeyValuePair.Create(entry.name, linear.Adapted)],
            Experts experts => experts.Adapted.Select(part => KeyValuePair.Create($"{entry.name}.{part.Key}", part.Value)),
            _ => (IEnumerable<KeyValuePair<string, AdaptedWeight>>)[],
        })
        .ToDictionary();

    /// <summary>Vectors that stand before the tokens of every row; null for none. Disposed of with the model.</summary>
    internal PromptVectors? Prompt
    {
        get => _prompt;
        set => (_prompt, Config) = (value, Config with { NumVirtualTokens = value?.Count ?? 0 });
    }

    /// <summary>
    /// What the tokens of a pass, and the places of the head, are filled up to a multiple of, so that neighbours do not change a row
    /// (<see cref="Model.RowMultiple"/>).
    /// </summary>
    internal int RowMultiple
    {
        get
        {
            int numThreads = get_num_threads();
            if (_rowMultiple.NumThreads != numThreads)
                _rowMultiple = (numThreads, Math.Max(MultipleOfProducts(), MultipleOfFunctions()));
            return HasAdapter ? Model.RowMultiple.Largest : _rowMultiple.Multiple;
        }
    }

    /// <summary>Logits at every place.</summary>
    /// <param name="tokens">x_t, [B, L], int64; the virtual tokens of prompt tuning are among them where the rows are to have them.</param>
    /// <returns>[B, L, V'], float32; V' is the embedding size.</returns>
    public override Tensor forward(Tensor tokens)
    {
        using var scope = NewDisposeScope();
        return Logits(Hidden(tokens)).MoveToOuterDisposeScope();
    }

    /// <summary>The final hidden states, which <see cref="Logits"/> turns into predictions.</summary>
    /// <param name="tokens">x_t, [B, L], int64, L at most <see cref="LLaDAConfig.MaxSequenceLength"/>.</param>
    /// <param name="isToken">[B, L], bool: false for padding; null when there is none. Every row needs one true.</param>
    /// <returns>[B, L, D].</returns>
    public Tensor Hidden(Tensor tokens, Tensor? isToken = null)
    {
        using var scope = NewDisposeScope();
        return Hidden(Pack(tokens, isToken)).view(tokens.shape[0], tokens.shape[1], Config.ModelWidth).MoveToOuterDisposeScope();
    }

    /// <summary>The final hidden states of rows packed end to end.</summary>
    /// <returns>[T, D].</returns>
    public Tensor Hidden(PackedTokens packed)
    {
        using var scope = NewDisposeScope();
        packed = BlockCausalMask.Complete(packed, Config);
        bool joinsRows = BlockScript.JoinsRows(Config, Device, ComputeType);
        packed = packed with { Table = SegmentTable.Of(packed.Segments, packed.Positions, joinsRows) };
        var rotation = Rotate(packed);
        var x = Embed(packed.Tokens);
        for (int layer = 0; layer < Config.NumLayers; layer++)
            x = Block(layer, x, rotation, packed);
        return Normalize(x).MoveToOuterDisposeScope();
    }

    /// <param name="tokens">[B, L].</param>
    /// <param name="isToken">[B, L], or null.</param>
    internal PackedTokens Pack(Tensor tokens, Tensor? isToken)
    {
        var (batch, length) = ((int)tokens.shape[0], (int)tokens.shape[1]);
        if (length > Config.MaxSequenceLength)
        {
            throw new ArgumentException(
                $"A canvas of {length} tokens is longer than the model's {Config.MaxSequenceLength}", nameof(tokens));
        }

        long[] positions = [.. Enumerable.Range(0, length).Select(position => (long)position)];
        var mask = isToken?.unsqueeze(1).unsqueeze(1);                                      // [B, 1, 1, L]
        if (mask is not null && Config.BlockLength is { } blockLength)
            mask = mask.logical_and(BlockCausalMask.Of(0, length, length, blockLength, Device));
        var packed = new PackedTokens(
            tokens.flatten(), PinnedUpload.To(Device, positions).repeat(batch), [new Segment(0, batch, length) { Mask = mask }]);
        return BlockCausalMask.Complete(packed, Config);
    }

    // The steps of a forward pass, which training also takes one by one.

    internal Rotation Rotate(PackedTokens packed) => _rotary.At(packed.Positions);

    /// <param name="tokens">[T].</param>
    /// <returns>[T, D].</returns>
    internal Tensor Embed(Tensor tokens)
    {
        using var scope = NewDisposeScope();
        var embedded = _prompt?.Embed(tokens, _tokenEmbedding) ?? _tokenEmbedding.call(tokens);
        return (ComputeType == ScalarType.Float16 ? embedded.to(ScalarType.Float32) : embedded).MoveToOuterDisposeScope();
    }

    internal Tensor Block(int layer, Tensor x, Rotation rotation, PackedTokens packed) =>
        _blocks[layer].Forward(x, rotation, packed);

    /// <summary>The same without the script.</summary>
    internal Tensor BlockByModules(int layer, Tensor x, Rotation rotation, PackedTokens packed) =>
        _blocks[layer].ForwardByModules(x, rotation, packed);

    /// <returns>[T, D], in training in the compute type.</returns>
    internal Tensor Normalize(Tensor x) => training ? _finalNorm.NormalizeForTraining(x, ComputeType) : _finalNorm.call(x);

    /// <summary>Applies only the output head. It is expensive (V = 126,464): call it only for positions that need predictions.</summary>
    /// <param name="hidden">[..., D].</param>
    /// <returns>[..., V'], float32.</returns>
    public Tensor Logits(Tensor hidden)
    {
        using var scope = NewDisposeScope();
        return ComputedLogits(hidden).to(ScalarType.Float32).MoveToOuterDisposeScope();
    }

    /// <summary>The same in the compute type.</summary>
    internal Tensor ComputedLogits(Tensor hidden)
    {
        using var scope = NewDisposeScope();
        var h = hidden.to(ComputeType);
        var logits = _head is null ? nn.functional.linear(h, _tokenEmbedding.weight!.to(ComputeType)) : _head.call(h);
        return logits.MoveToOuterDisposeScope();
    }

    private bool HasAdapter => _blocks.Any(block => block.HasAdapter);

    private int MultipleOfProducts() => Products().Max(product => Model.RowMultiple.Of(product.Weight, product.Bias, product.Type));

    /// <summary>Of gates, and of a router's scores.</summary>
    private int MultipleOfFunctions()
    {
        int[] widths = [Config.FeedForwardWidth, Config.Experts?.SharedWidth ?? 0, Config.Experts?.NumExperts ?? 0];
        return widths.Max(width => Model.RowMultiple.OfFunction(width));
    }

    /// <summary>The matrices that all tokens of a pass are multiplied with.</summary>
    private IEnumerable<(Tensor Weight, Tensor? Bias, ScalarType Type)> Products() =>
    [
        .. modules().SelectMany(module => module switch
        {
            Linear linear => [(linear.Adapted.Weight, (Tensor?)linear.Bias, ComputeType)],
            Router router => [(router.Weight, null, ScalarType.Float32)],
            _ => (IEnumerable<(Tensor, Tensor?, ScalarType)>)[],
        }),
        .. _head is null ? [(_tokenEmbedding.weight!, null, ComputeType)] : Array.Empty<(Tensor, Tensor?, ScalarType)>(),
    ];

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _rotary.Dispose();
            _prompt?.Dispose();
        }
        base.Dispose(disposing);
    }
}
