using LLaDA.Batch.Client.Answers;
using LLaDA.Batch.Terminal;

namespace LLaDA.Batch.Cli.Answers;

/// <summary>A frame of a stream on a terminal: the text with its masks, and how many are left.</summary>
internal static class ShownFrame
{
    private const char Mask = '░';

    public static IEnumerable<Stretch> Of(AnswerFrame frame)
    {
        int start = 0;
        while (start < frame.Text.Length)
        {
            bool isMask = frame.Text[start] == Mask;
            int next = isMask ? frame.Text.AsSpan(start).IndexOfAnyExcept(Mask) : frame.Text.AsSpan(start).IndexOf(Mask);
            int end = next < 0 ? frame.Text.Length : start + next;
            yield return new Stretch(frame.Text[start..end], isMask ? Styles.Mask : "");
            start = end;
        }
        yield return new Stretch($"\n{frame.MasksLeft} masks left", Styles.Faint);
    }
}
