return await LLaDA.Batch.Train.CommandLine.RunAsync(args, Console.Out, Console.Error);
