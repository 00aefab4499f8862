using System.CommandLine;
using LLaDA.Batch.Train.Terminal;
using LLaDA.Diffusion.Training.Reinforcement;

namespace LLaDA.Batch.Train.Training;

/// <summary>How answers are sampled, and how their rewards count.</summary>
internal sealed class AnswerOptions
{
    private static readonly ReinforcementOptions s_published = new();

    private readonly Option<int> _groupSize = new Option<int>("--group-size")
    {
        Description = "Answers to each prompt",
        DefaultValueFactory = _ => s_published.GroupSize,
    }.AtLeast(2);

    private readonly Option<int> _iterations = new Option<int>("--iterations")
    {
        Description = "Steps that learn from the same answers",
        DefaultValueFactory = _ => s_published.NumIterations,
    }.AtLeast(1);

    private readonly Option<int> _samples = new Option<int>("--samples")
    {
        Description = "Noised rows of each answer; two are a mask and its complement",
        DefaultValueFactory = _ => s_published.NumSamples,
    }.AtLeast(1);

    private readonly Option<double> _clipRange = new Option<double>("--clip-range")
    {
        Description = "How far the ratio of an answer goes from 1 before it gives no slope any more, below 1",
        DefaultValueFactory = _ => s_published.ClipRange,
    }.Above0();

    private readonly Option<double> _beta = new("--beta")
    {
        Description = "Weight of the divergence from the reference. 0 leaves it out",
        DefaultValueFactory = _ => s_published.Beta,
    };

    private readonly Option<int?> _maxTokens = new Option<int?>("--max-tokens")
    {
        Description = "Tokens that an answer may have. The default is 256, or half of the longest row",
    }.AtLeast(1);

    private readonly Option<int?> _steps = new Option<int?>("--steps")
    {
        Description = "Denoising steps of an answer. Without it each commits a token",
    }.AtLeast(1);

    private readonly Option<int?> _blockLength = new Option<int?>("--block-length")
    {
        Description = "Masks of a block of an answer. The default is the usual one of the model's family",
    }.AtLeast(1);

    private readonly Option<double> _temperature = new Option<double>("--temperature")
    {
        Description = "Temperature of the answers",
        DefaultValueFactory = _ => s_published.Temperature,
    }.Above0();

    public IReadOnlyList<Option> All =>
        [_groupSize, _iterations, _samples, _clipRange, _beta, _maxTokens, _steps, _blockLength, _temperature];

    /// <param name="maxLength">Of a prompt with its answer.</param>
    public ReinforcementOptions Read(ParseResult parse, int maxLength) => new()
    {
        GroupSize = parse.GetValue(_groupSize),
        NumIterations = parse.GetValue(_iterations),
        NumSamples = parse.GetValue(_samples),
        ClipRange = parse.GetValue(_clipRange),
        Beta = parse.GetValue(_beta),
        MaxAnswerTokens = parse.GetValue(_maxTokens) ?? Math.Clamp(maxLength / 2, 1, s_published.MaxAnswerTokens),
        SamplingSteps = parse.GetValue(_steps),
        BlockLength = parse.GetValue(_blockLength),
        Temperature = parse.GetValue(_temperature),
    };
}
