using System.Globalization;
using LLaDA.Diffusion.Data;

namespace LLaDA.Diffusion.Training.Reinforcement;

/// <summary>Judges an answer, on the thread of the model.</summary>
/// <param name="line">The line of the data that was answered.</param>
/// <param name="answer">Its tokens without the end; there may be none.</param>
/// <returns>The higher, the better; differences alone count.</returns>
public delegate double AnswerReward(DataLine line, IReadOnlyList<int> answer);

/// <summary>An answer has no finite reward.</summary>
public sealed class RewardException(DataLine line, double reward)
    : Exception(string.Create(
        CultureInfo.InvariantCulture, $"line {line.Number}: the reward of an answer is {reward}; it must be a finite number"))
{
    public int Line { get; } = line.Number;
}
