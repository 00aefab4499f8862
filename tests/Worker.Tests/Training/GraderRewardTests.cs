using System.Text.Json;
using LLaDA.Batch.Shared.Grading;
using LLaDA.Batch.Shared.Wire;
using LLaDA.Batch.Worker.Training;
using LLaDA.Diffusion.Checkpoints;
using LLaDA.Diffusion.Data;
using LLaDA.Diffusion.Evaluation;
using LLaDA.Diffusion.Text;
using LLaDA.Diffusion.Training.Bounds;
using static TorchSharp.torch;

namespace LLaDA.Batch.Worker.Tests.Training;

public sealed class GraderRewardTests(TinyModel model)
{
    private const string Likely =
        """{"type":"likelihood","name":"l","prompt":"{{item.p}}","completion":"{{sample.output_text}}","num_samples":4}""";

    private const string Equal =
        """{"type":"string_check","name":"e","operation":"eq","input":"{{sample.output_text}}","reference":"{{item.p}}"}""";

    [Fact]
    public void Answers_are_judged_as_text_without_spaces_around_it_and_by_the_likelihood_of_the_reference()
    {
        using var scope = NewDisposeScope();
        string folder = Path.Combine(model.Folder, TinyModel.Id);
        var tokenizer = new LLaDATokenizer(folder);
        using var network = Checkpoint.Load(folder, CPU, ScalarType.Float32, ScalarType.Float32);
        using var reference = new FrozenModel(network);
        double Grade(string grader, string prompt, string answer) => new GraderReward(Read(grader), tokenizer, reference)
            .Of(new DataLine(1, $$"""{"p":"{{prompt}}"}"""), tokenizer.Encode(answer));

        Assert.Equal((1, 0), (Grade(Equal, "brown fox", " brown fox\n"), Grade(Equal, "brown fox", "brown foxes")));
        int[] prompt = [.. tokenizer.BeginningOfText, .. tokenizer.Encode("the quick")], answer = [.. tokenizer.Encode("brown fox")];
        double bound = new LikelihoodEstimator(network, 2048).LogLikelihood(prompt, answer, new LikelihoodOptions { NumSamples = 4 });
        Assert.Equal(Math.Exp(bound / answer.Length), Grade(Likely, "the quick", "brown fox"), 1e-9);
        Assert.Equal(0, Grade(Likely, "the quick", " "));
        string tooLong = string.Concat(Enumerable.Repeat("fox and ", 80));
        Assert.InRange(Grade(Likely, tooLong, "brown fox"), 1e-9, 1);
        Assert.Equal(double.NaN, Grade(Likely, "the quick", tooLong));
    }

    private static Grader Read(string json) => Grader.Read(
        new JsonReader(JsonDocument.Parse(json).RootElement, (message, _, _) => new FormatException(message)));
}
